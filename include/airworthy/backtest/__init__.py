"""Backtesting how a model is kept up to date: never, when its monitor asks for it, or every so often."""
