"""Builds one DAG of each kind from a model's spec, for the files in ``dags/``."""
