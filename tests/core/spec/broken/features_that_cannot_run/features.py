"""A feature file with one fault."""

import polars as pl

FEATURES = {"city": pl.colum("city")}
