"""Metrics for Prometheus: stages and the monitor write files, and one exporter serves them."""
