"""Rules that a duration keeps in both of the simulated worlds, whatever its average error."""

from datetime import UTC, datetime

import polars as pl

from airworthy.behaviour import Direction, Invariance, MinimumFunctionality

PLAIN = {
    "picked_up_at": datetime(2020, 3, 2, 12, 30, tzinfo=UTC), "city": "berlin", "weather": "clear", "parcel_kg": 2.0,
    "courier_experience_days": 400.0, "temperature_c": 12.0,
}  # fmt: skip

BEHAVIOUR = {
    "farther takes longer": Direction(
        change={"distance_km": pl.col("distance_km") + 5.0}, never="lower", tolerance=1.0, allowed=0.05
    ),
    "more stops take longer": Direction(
        change={"stops": pl.col("stops") + 2}, never="lower", tolerance=1.0, allowed=0.1
    ),
    "100 grams more are no other parcel": Invariance(
        change={"parcel_kg": pl.col("parcel_kg") + 0.1}, tolerance=4.0, allowed=0.05
    ),
    "round the corner is quick": MinimumFunctionality(
        rows=[{**PLAIN, "vehicle": vehicle, "distance_km": 1.0, "stops": 1} for vehicle in ("bike", "scooter")],
        at_least=2.0, at_most=30.0,
    ),
}  # fmt: skip
