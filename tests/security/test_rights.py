"""Each role asks each endpoint of Airflow, of its UI and of our pages: what is let through is the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.security.rights_table import MANAGERS, PROJECT

TABLE = Path(__file__).with_name("rights_table.txt")


@pytest.mark.parametrize("manager", MANAGERS)
def test_no_role_is_let_through_elsewhere_than_the_table_says(manager: str, tmp_path: Path) -> None:
    """Both auth managers have the same table, and it has every route: a new one needs a decision.

    After a decision: ``python -m tests.security.rights_table fab tests/security/rights_table.txt``.
    """
    made = tmp_path / "table.txt"
    command = [sys.executable, "-m", "tests.security.rights_table", manager, str(made)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert made.read_text(encoding="utf-8") == TABLE.read_text(encoding="utf-8")
