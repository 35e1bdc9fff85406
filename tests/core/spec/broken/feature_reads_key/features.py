"""A feature file with one fault."""

import polars as pl

FEATURES = {"id": pl.col("delivery_id")}
