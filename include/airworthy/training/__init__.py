"""Trains a challenger: matrices, the booster, its search, and the baseline."""
