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
    "promised_minutes": pl.col("promised_minutes"),
    "minute_of_day": minute_of_day,
    "weekday": picked_up.dt.weekday(),
    "rush_hour": minute_of_day.is_between(420, 570) | minute_of_day.is_between(960, 1140),
    "weekend": picked_up.dt.weekday() >= 6,
    "novice": pl.col("courier_experience_days") < 60,
    "promised_minutes_per_km": pl.col("promised_minutes") / pl.col("distance_km").clip(0.2, None),
    "promised_minutes_per_stop": pl.col("promised_minutes") / pl.col("stops"),
}
