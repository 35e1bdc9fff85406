"""A feature file with one fault."""

import polars as pl

FEATURES = {"distance": pl.col("distance_km")}
