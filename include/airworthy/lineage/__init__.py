"""Lineage: the graph from sources to predictions, built from the records of every run."""
