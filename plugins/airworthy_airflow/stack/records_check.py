"""Says after a start whether the records of all models agree."""

from __future__ import annotations

import subprocess
import sys

from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.secret_keys import ensure_secrets
from airworthy_airflow.stack.settings import process_environment

_PATIENCE_SECONDS = 120


def records_check(layout: Layout, inherited: dict[str, str]) -> str:
    """Return the lines of ``airworthy doctor``; empty before the first run of any model.

    It runs in a process of its own: the stack's command imports neither MLflow nor the lake's
    libraries. The stack stays up whatever it says.

    Args:
        layout: The stack, which is up.
        inherited: The environment variables of the starting shell.
    """
    if "AIRWORTHY_ENV" not in inherited and not (layout.state / "lake").is_dir():
        return ""
    environment = process_environment(layout, ensure_secrets(layout), inherited)
    command = [sys.executable, "-m", "airworthy", "doctor"]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=layout.project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the records were not compared within {_PATIENCE_SECONDS} s; next: airworthy doctor"
    return done.stdout.strip()
