"""A temporary Airflow home for the sites of these tests."""

from tests import temporary_airflow_home  # noqa: F401 - its import makes the home
