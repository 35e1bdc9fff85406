"""How Airflow's processes open their SQLite file (Airflow itself switches on write-ahead logging)."""

CONNECT_ARGS = {"timeout": 60}
