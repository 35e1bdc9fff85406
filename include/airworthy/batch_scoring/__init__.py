"""Batch scoring: the champion scores rows of the lake into a table, partition by partition."""
