"""What the model sees of a delivery, one named expression a line; each looks at one row at a time."""

import polars as pl

picked_up = pl.col("picked_up_at")

FEATURES = {
    "city": pl.col("city"),
    "vehicle": pl.col("vehicle"),
    "weather": pl.col("weather"),
    "distance_km": pl.col("distance_km"),
    "stops": pl.col("stops"),
    "parcel_kg": pl.col("parcel_kg"),
    "courier_experience_days": pl.col("courier_experience_days"),
    "temperature_c": pl.col("temperature_c"),
    "hour": picked_up.dt.hour(),
    "weekday": picked_up.dt.weekday(),
    "km_per_stop": pl.col("distance_km") / pl.col("stops"),
}
