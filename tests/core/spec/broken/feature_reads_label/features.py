"""A feature file with one fault."""

import polars as pl

FEATURES = {"speed": pl.col("distance_km") / pl.col("minutes")}
