"""Backtests strategies of retraining: never, triggered by the monitor, or at every step."""
