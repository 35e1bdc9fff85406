"""A feature file with one fault."""

import polars as pl

FEATURES = [pl.col("city")]
