"""Broken specs: a precise message each, exit code 1, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.spec.broken_spec_table import BROKEN
from typer.testing import CliRunner

from airworthy.checks.check_spec import check_spec, spec_files
from airworthy.cli.main import app

FOLDER = Path(__file__).with_name("broken")


def test_every_broken_spec_is_in_the_table() -> None:
    """No broken spec is without its expected fault, and there are plenty of kinds."""
    assert {path.name for path in FOLDER.iterdir()} == set(BROKEN)
    assert len(BROKEN) >= 24


@pytest.mark.parametrize("name", BROKEN)
def test_check_names_the_key_what_was_received_and_what_is_allowed(name: str) -> None:
    """`airworthy check` on one broken spec prints exactly its one fault and exits 1."""
    result = CliRunner().invoke(app, ["check", str(FOLDER / name)])

    expected = BROKEN[name]
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    where, received, allowed, summary = result.stderr.strip().splitlines()
    file, _, problem = where.partition(": ")
    assert file.startswith(str(FOLDER / name))
    assert not expected.key or problem.startswith(f"{expected.key}: ")
    assert expected.problem in problem
    assert received.startswith("  received: ")
    assert expected.received in received
    assert allowed.startswith("  allowed:  ")
    assert expected.allowed in allowed
    assert summary == "1 fault in 1 of 1 spec"
    assert result.stdout == ""


def test_the_console_command_checks_a_whole_folder_without_a_traceback() -> None:
    """One process checks every broken spec, healthy ones beside them, and ends with exit code 1 and
    a count.
    """
    command = [
        sys.executable,
        "-m",
        "airworthy",
        "check",
        str(FOLDER),
        str(FOLDER.with_name("valid.yaml")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout.startswith("parcels: ok (")
    assert (
        done.stderr.strip().splitlines()[-1]
        == f"{len(BROKEN)} faults in {len(BROKEN)} of {len(BROKEN) + 1} specs"
    )


def test_all_faults_of_one_spec_are_listed(tmp_path: Path) -> None:
    """An author corrects a spec in one go: faults of every part are listed together."""
    text = FOLDER.with_name("valid.yaml").read_text(encoding="utf-8")
    text = (
        text.replace("task: regression", "task: regresion")
        .replace("28d", "28 days")
        .replace("max: 8.0", "mx: 8.0")
    )
    spec = tmp_path / "many.yaml"
    spec.write_text(text, encoding="utf-8")

    keys = {fault.key for fault in check_spec(spec).faults}

    assert keys >= {"task", "train.lookback", "evaluate.gates[0].mx"}


def test_all_broken_rules_of_one_part_are_listed(tmp_path: Path) -> None:
    """Rules between several keys are all reported, not only the first."""
    text = FOLDER.with_name("valid.yaml").read_text(encoding="utf-8")
    text = text.replace("{metric: rmse, max: 8.0}", "{metric: auc, max: 8.0, slice: vehicle}")
    text = text.replace("slices: [city]", "slices: [distance_km]").replace(
        "minutes: float", "minutes: string"
    )
    spec = tmp_path / "many.yaml"
    spec.write_text(text, encoding="utf-8")

    assert {fault.key for fault in check_spec(spec).faults} == {
        "evaluate.gates[0].metric",
        "evaluate.gates[0].slice",
        "evaluate.slices[0]",
        "ingest.columns.minutes",
    }


def test_all_deep_faults_are_listed(tmp_path: Path) -> None:
    """Faults known to Great Expectations, XGBoost and Polars alone come together."""
    text = (
        FOLDER.with_name("valid.yaml")
        .read_text(encoding="utf-8")
        .replace("model: parcels", "model: deep")
    )
    text = text.replace("max_value: 200", "max_value: 200, mosty: 1").replace(
        "{max_depth: 6}", "{max_dept: 6, eta: x}"
    )
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / "model.yaml").write_text(text, encoding="utf-8")
    (folder / "features.py").write_text(
        'import polars as pl\nFEATURES = {"a": pl.col("minutes"), "b": pl.col("distance_km").shift(1)}\n',
        encoding="utf-8",
    )

    assert [fault.key for fault in check_spec(folder / "model.yaml").faults] == [
        "validate.expectations[0].mosty",
        "train.parameters.max_dept",
        "train.parameters.eta",
        "FEATURES['a']",
        "FEATURES['b']",
    ]


def test_features_with_a_syntax_error_are_a_fault(tmp_path: Path) -> None:
    """A features.py with a syntax error is a fault with the line, not a traceback."""
    folder = tmp_path / "parcels"
    folder.mkdir()
    (folder / "model.yaml").write_text(
        FOLDER.with_name("valid.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (folder / "features.py").write_text("FEATURES = {\n", encoding="utf-8")

    (fault,) = check_spec(folder / "model.yaml").faults

    assert "SyntaxError" in fault.problem
    assert "line 1" in fault.problem


def test_a_folder_called_like_a_spec_and_a_missing_file_are_faults(tmp_path: Path) -> None:
    """Whatever stands where a spec should be, the answer is a fault."""
    folder = tmp_path / "parcels" / "model.yaml"
    folder.mkdir(parents=True)

    (unreadable,) = [check_spec(path) for path in spec_files(tmp_path)]
    missing = check_spec(tmp_path / "nowhere.yaml")

    assert unreadable.faults[0].problem == "the file cannot be read"
    assert missing.faults[0].problem == "there is no such file"


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    """A spec cannot send escape sequences to the reader's terminal."""
    spec = tmp_path / "hostile.yaml"
    spec.write_text('"\\e[2J\\u202e": 1\n', encoding="utf-8")

    result = CliRunner().invoke(app, ["check", str(spec)])

    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert "\\x1b[2J\\u202e" in result.stderr
