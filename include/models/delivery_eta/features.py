"""What the model sees of a delivery, one named expression a line; each looks at one row at a time."""

import polars as pl

picked_up = pl.col("picked_up_at")
# In whole minutes: a division by a constant may round otherwise for many rows than for one.
minute_of_day = picked_up.dt.hour().cast(pl.Int32) * 60 + picked_up.dt.minute()

FEATURES = {
    "city": pl.col("city"),
    "vehicle": pl.col("vehicle"),
    "weather": pl.col("weather"),
    "distance_km": pl.col("distance_km"),
    "stops": pl.col("stops"),
    "parcel_kg": pl.col("parcel_kg"),
    "courier_experience_days": pl.col("courier_experience_days"),
    "temperature_c": pl.col("temperature_c"),
    "minute_of_day": minute_of_day,
    "weekday": picked_up.dt.weekday(),
    "rush_hour": minute_of_day.is_between(420, 570) | minute_of_day.is_between(960, 1140),
    "weekend": picked_up.dt.weekday() >= 6,
    "freezing": pl.col("temperature_c") < 1.0,
    "km_per_stop": pl.col("distance_km") / pl.col("stops"),
    "heavy_kg": (pl.col("parcel_kg") - 10.0).clip(0.0, None),
}
