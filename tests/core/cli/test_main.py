"""The console command: quick to start, and errors without tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("airflow", "evidently", "great_expectations", "matplotlib", "mlflow", "numpy", "optuna", "pandas", "polars",
         "pyarrow", "sklearn", "sqlalchemy", "xgboost")  # fmt: skip
CONSOLE = [str(Path(sys.executable).with_name("airworthy"))]
MODULE = [sys.executable, "-m", "airworthy"]


def _run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=environment
    )


@pytest.mark.parametrize("command", [CONSOLE, MODULE], ids=["airworthy", "python -m airworthy"])
def test_help_lists_the_commands(command: list[str]) -> None:
    """Both ways of starting it list the commands."""
    done = _run([*command, "--help"])

    assert done.returncode == 0
    for name in (
        "check",
        "schema",
        "new-model",
        "run",
        "stage",
        "serve",
        "ledger",
        "lineage",
        "dataset",
    ):
        assert name in done.stdout


def test_starting_imports_nothing_heavy() -> None:
    """`airworthy --help` costs no second: none of the heavy packages is imported for it."""
    probe = "import json, sys; import airworthy.cli.main; print(json.dumps(sorted(sys.modules)))"

    imported = set(json.loads(_run([sys.executable, "-c", probe]).stdout))

    assert imported.isdisjoint(HEAVY)


def test_parsing_specs_imports_nothing_heavy() -> None:
    """Reading specs is on the path of Airflow's DAG parsing: it imports neither the heavy packages
    nor Airflow.
    """
    probe = (
        "import json, sys\nfrom pathlib import Path\nfrom airworthy.spec import load_spec\n"
        f"load_spec(Path({str(Path(__file__).parents[1] / 'spec' / 'valid.yaml')!r}))\n"
        "print(json.dumps(sorted(sys.modules)))"
    )

    imported = set(json.loads(_run([sys.executable, "-c", probe]).stdout))

    assert "airworthy.spec.model_spec" in imported
    assert imported.isdisjoint(HEAVY)


def test_an_error_raised_on_purpose_is_a_message_on_stderr() -> None:
    """A wrong environment ends with the received and the allowed value, exit code 1, no traceback."""
    done = _run([*MODULE, "check"], AIRWORTHY_ENV="moon")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "AIRWORTHY_ENV=moon" in done.stderr
    assert "local" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_specs_is_not_a_success(tmp_path: Path) -> None:
    """Checking nothing is a mistake, such as a mistyped folder: exit code 1 and the next command."""
    done = _run([*MODULE, "check", str(tmp_path)])

    assert done.returncode == 1
    assert "there is no model spec" in done.stderr
    assert "airworthy new-model" in done.stderr


def test_no_colour_when_the_output_is_no_terminal() -> None:
    """A log file or a pipe gets plain lines."""
    spec = Path(__file__).parents[1] / "spec"

    done = _run(
        [*MODULE, "check", str(spec / "valid.yaml"), str(spec / "broken" / "bad_cron.yaml")]
    )

    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.startswith("parcels: ok")


def test_any_character_is_printed_on_any_terminal(tmp_path: Path) -> None:
    """A terminal without Unicode gets an escape, not an exception."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("größe: 1\n", encoding="utf-8")

    done = _run([*MODULE, "check", str(spec)], PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")

    assert done.returncode == 1
    assert "unknown key" in done.stderr
    assert "Traceback" not in done.stderr
