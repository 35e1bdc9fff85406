"""The Models page inside Airflow's UI: pages and JSON of every model, behind Airflow's login."""
