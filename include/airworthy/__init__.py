"""Airworthy: CI/CD for machine-learning models. This package never imports Airflow."""

import os

# OpenMP reads it when XGBoost is imported. By default its threads wait for each other in a loop: with
# more threads than free cores, a training takes ten times as long. A value that is there stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
