"""What the chance of being late must do, whatever its average error."""

from datetime import UTC, datetime

import polars as pl

from airworthy.behaviour import Direction, Invariance, MinimumFunctionality

PLAIN = {
    "picked_up_at": datetime(2026, 3, 2, 12, 30, tzinfo=UTC), "city": "berlin", "parcel_kg": 2.0,
    "courier_experience_days": 400.0, "temperature_c": 12.0,
}  # fmt: skip

BEHAVIOUR = {
    "more time makes it less likely": Direction(
        change={"promised_minutes": pl.col("promised_minutes") + 10.0}, never="higher", tolerance=0.05, allowed=0.02
    ),
    "farther makes it more likely": Direction(
        change={"distance_km": pl.col("distance_km") + 3.0}, never="lower", tolerance=0.05, allowed=0.02
    ),
    "rain makes a bike no more punctual": Direction(
        change={"weather": "rain"}, never="lower", tolerance=0.10, allowed=0.1,
        where=(pl.col("vehicle") == "bike") & (pl.col("weather") == "clear"),
    ),
    "100 grams more are no other parcel": Invariance(
        change={"parcel_kg": pl.col("parcel_kg") + 0.1}, tolerance=0.15, allowed=0.02
    ),
    "with plenty of time it is punctual": MinimumFunctionality(
        rows=[
            {**PLAIN, "vehicle": "scooter", "weather": "clear", "distance_km": 1.0, "stops": 1, "promised_minutes": m}
            for m in (25.0, 30.0)
        ],
        at_most=0.3,
    ),
    "with no time at all it is late": MinimumFunctionality(
        rows=[
            {**PLAIN, "vehicle": vehicle, "weather": "rain", "distance_km": 8.0, "stops": 4, "promised_minutes": 20.0}
            for vehicle in ("bike", "van")
        ],
        at_least=0.6,
    ),
}  # fmt: skip
