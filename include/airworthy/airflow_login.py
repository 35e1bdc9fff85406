"""The login of a pipeline at Airflow, by variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AirflowLogin:
    """The login of a pipeline at Airflow: a token, or a name and a password."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


def airflow_login() -> AirflowLogin:
    """Return the login of the variables; all of it may be empty."""
    names = ("AIRWORTHY_AIRFLOW_TOKEN", "AIRWORTHY_AIRFLOW_USER", "AIRWORTHY_AIRFLOW_PASSWORD")
    return AirflowLogin(*(os.environ.get(name, "").strip() for name in names))
