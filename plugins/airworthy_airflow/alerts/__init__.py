"""Alerts through Airflow's notifiers, by the connections of the environment's channels."""
