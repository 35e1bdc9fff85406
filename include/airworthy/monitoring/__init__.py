"""Watching data and models: profiles of training data and the distance of new data from them."""
