"""Thin operators, one file each: they run a stage and turn its errors into Airflow's."""
