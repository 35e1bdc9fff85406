"""The embedded stack: Airflow, MLflow and the model server on one machine, under supervisord."""
