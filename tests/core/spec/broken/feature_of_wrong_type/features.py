"""A feature file with one fault."""

import polars as pl

FEATURES = {"day": pl.col("picked_up_at").dt.date()}
