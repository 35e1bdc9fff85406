"""A feature file with one fault."""

import polars as pl

FEATURES = {"weight": pl.col("weight_kg")}
