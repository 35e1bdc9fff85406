"""A temporary Airflow home: Airflow reads its settings at import."""

from __future__ import annotations

import os

from tests import temporary_airflow_home  # noqa: F401 - its import makes the home

os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "a secret of the tests that is long enough for " * 2
