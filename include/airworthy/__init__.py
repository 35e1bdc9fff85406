"""Airworthy: CI/CD for machine-learning models. This package never imports Airflow."""
