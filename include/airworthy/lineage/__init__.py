"""Lineage: from a source to a prediction and back, made from what stages and releases recorded."""
