"""Registered versions: the record of each one, and the difference between two."""
