"""Batch scoring: rows of the lake in, a table of the champion's predictions out, a partition at a time."""
