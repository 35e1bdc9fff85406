"""Telling people: alerts through Airflow's notifiers, by the connections that the environment's channels name."""
