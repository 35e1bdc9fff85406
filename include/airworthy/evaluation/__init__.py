"""Measuring models on the holdout: metrics, their uncertainty, slices and pictures."""
