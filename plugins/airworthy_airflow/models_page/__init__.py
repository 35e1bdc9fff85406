"""The Models page in Airflow's UI: all models, one model, and what a person may do about it."""
