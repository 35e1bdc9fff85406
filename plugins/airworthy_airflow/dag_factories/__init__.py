"""One DAG of each kind for a model, made from its spec: all that the files in ``dags/`` call."""
