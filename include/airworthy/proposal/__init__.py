"""Proposes a model from a file or a table: the spec, the features, and first tests."""
