"""What a quoted duration must do, whatever its average error; and what a wrong quote costs."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from airworthy.behaviour import Direction, Invariance, MinimumFunctionality

A_MONDAY = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
PLAIN = {
    "picked_up_at": A_MONDAY, "city": "berlin", "weather": "clear", "parcel_kg": 2.0,
    "courier_experience_days": 400.0, "temperature_c": 12.0,
}  # fmt: skip

BEHAVIOUR = {
    "farther takes longer": Direction(
        change={"distance_km": pl.col("distance_km") + 5.0}, never="lower", tolerance=0.5, allowed=0.02
    ),
    "more stops take longer": Direction(
        change={"stops": pl.col("stops") + 2}, never="lower", tolerance=0.5, allowed=0.05
    ),
    "rain slows a bike down": Direction(
        change={"weather": "rain"}, never="lower", tolerance=1.0, allowed=0.1,
        where=(pl.col("vehicle") == "bike") & (pl.col("weather") == "clear"),
    ),
    "a minute later is no other trip": Invariance(
        change={"picked_up_at": pl.col("picked_up_at").dt.offset_by("1m")}, tolerance=3.0, allowed=0.02
    ),
    "100 grams more are no other parcel": Invariance(
        change={"parcel_kg": pl.col("parcel_kg") + 0.1}, tolerance=2.0, allowed=0.02
    ),
    "round the corner is quick": MinimumFunctionality(
        rows=[{**PLAIN, "vehicle": vehicle, "distance_km": 1.0, "stops": 1} for vehicle in ("bike", "scooter")],
        at_least=3.0, at_most=20.0,
    ),
    "across the town is slow": MinimumFunctionality(
        rows=[{**PLAIN, "vehicle": vehicle, "distance_km": 10.0, "stops": 4} for vehicle in ("scooter", "van")],
        at_least=30.0, at_most=120.0,
    ),
}  # fmt: skip


def promise_cost(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return what each quote costs, in EUR: a minute too late costs three times as much as a minute too early."""
    late = labels - predictions
    return np.where(late > 0, 0.30 * late, -0.10 * late)
