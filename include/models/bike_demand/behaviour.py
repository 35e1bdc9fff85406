"""What the demand for bikes must do, whatever its average error."""

from datetime import UTC, datetime

import polars as pl

from airworthy.behaviour import Direction, Invariance, MinimumFunctionality

MILD = {"holiday": False, "weather": "1", "temp": 0.6, "atemp": 0.58, "humidity": 0.5, "windspeed": 0.15}

BEHAVIOUR = {
    "heavy rain brings no riders": Direction(
        change={"weather": "3", "humidity": 0.9}, never="higher", tolerance=10.0, allowed=0.05,
        where=pl.col("weather") == "1",
    ),
    "a freezing hour brings no riders": Direction(
        change={"temp": 0.1, "atemp": 0.1}, never="higher", tolerance=20.0, allowed=0.15,
        where=pl.col("weather") == "1",
    ),
    "next week is no other world": Invariance(
        change={"hour_start": pl.col("hour_start").dt.offset_by("7d")}, tolerance=60.0, allowed=0.05
    ),
    "the dead of night is quiet": MinimumFunctionality(
        rows=[
            {**MILD, "workingday": True, "hour_start": datetime(2011, 6, 14, hour, tzinfo=UTC)} for hour in (2, 3, 4)
        ],
        at_least=-20.0, at_most=60.0,
    ),
    "the way home is busy": MinimumFunctionality(
        rows=[
            {**MILD, "workingday": True, "hour_start": datetime(2011, 6, day, 17, tzinfo=UTC)} for day in (14, 15, 16)
        ],
        at_least=150.0,
    ),
}  # fmt: skip
