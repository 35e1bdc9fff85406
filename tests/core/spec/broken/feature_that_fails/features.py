"""A feature file with one fault."""

import polars as pl

FEATURES = {"root": pl.col("city").dt.hour()}
