"""What the model sees of an hour, one named expression a line; each looks at one row at a time."""

import math

import polars as pl

time = pl.col("hour_start")
hour = time.dt.hour()
day_angle = hour * (2 * math.pi / 24)
commute = hour.is_in([7, 8, 17, 18]) & pl.col("workingday")

FEATURES = {
    "hour": hour,
    "weekday": time.dt.weekday(),
    "day_of_year": time.dt.ordinal_day(),
    "workingday": pl.col("workingday"),
    "holiday": pl.col("holiday"),
    "weather": pl.col("weather"),
    "temp": pl.col("temp"),
    "atemp": pl.col("atemp"),
    "humidity": pl.col("humidity"),
    "windspeed": pl.col("windspeed"),
    "hour_sin": day_angle.sin(),
    "hour_cos": day_angle.cos(),
    "commute": commute,
    "leisure": hour.is_between(10, 18) & ~pl.col("workingday"),
    "discomfort": pl.col("humidity") * pl.col("temp"),
}
