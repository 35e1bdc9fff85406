"""Metrics for Prometheus of what runs and ends: stages and the monitor leave files, one small part serves them."""
