"""Airflow knowledge, and nothing else: operators, windows, the embedded stack."""
