"""A feature file with one fault."""

import polars as pl

FEATURES = {"share": pl.col("distance_km") / pl.col("distance_km").sum()}
