"""Measures models on the holdout: metrics, intervals, slices, behaviour, plots, the report."""
