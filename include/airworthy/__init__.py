"""Airworthy: CI/CD for machine-learning models. Pure Python; it never imports Airflow."""
