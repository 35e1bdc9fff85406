"""One prediction, taken apart: its row, its features, and each feature's share of the answer."""
