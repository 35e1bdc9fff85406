"""Arguments of Airflow's connections to SQLite. Airflow itself switches on write-ahead logging."""

CONNECT_ARGS = {"timeout": 60}
