"""The threads of a training wait for each other without work: they take no core from anybody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

READ = "import airworthy, os; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize(("given", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_passively_unless_a_person_says_otherwise(
    given: str | None, policy: str
) -> None:
    """The variable is there before XGBoost reads it, and a person's own value stays."""
    variables = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if given is not None:
        variables["OMP_WAIT_POLICY"] = given
    command = [sys.executable, "-c", READ]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == policy
