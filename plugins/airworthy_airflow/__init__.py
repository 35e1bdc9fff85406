"""Airflow knowledge, and nothing else: DAG factories, operators, alerts, the embedded stack, the demo."""
