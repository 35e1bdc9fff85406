"""Making a challenger: rows to matrices, the booster, its search, and the baseline that it has to beat."""
