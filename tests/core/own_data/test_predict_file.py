"""``airworthy predict``: a file's rows with their predictions, or with the problem of a row."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import AirworthyError

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..stages.conftest import COLUMNS, LET_THROUGH, MakeModel, RunStages, make_model, run_stages  # noqa: TID252

__all__ = ["make_model", "run_stages"]


@pytest.fixture
def model(environment: Environment, make_model: MakeModel, run_stages: RunStages) -> str:
    """A model whose version 1 is champion."""
    name = make_model(evaluate=LET_THROUGH)
    version = run_stages(name, last="register")["version"]["version"]
    make_champion(environment, name, version)
    return name


def test_each_row_has_a_prediction_or_its_problem(model: str, tmp_path: Path) -> None:
    """A cell that cannot be read keeps its row without a prediction; the others are predicted."""
    rows = tmp_path / "rows.csv.gz"
    known = ["picked_up_at", *(name for name in COLUMNS if name not in ("delivery_id", "minutes"))]
    good = {"picked_up_at": "2026-03-20 08:00", "distance_km": "4.5"}
    lines = [
        ";".join([*((good | bad).get(name, "1") for name in known), note])
        for bad, note in (({}, "a"), ({"distance_km": "far"}, "b"))
    ]
    text = "\n".join([";".join([*known, "note"]), *lines, ""])
    rows.write_bytes(gzip.compress(text.encode(), mtime=0))
    done = CliRunner().invoke(app, ["predict", model, "--from", str(rows)])
    assert done.exit_code == 3, done.output
    table = pl.read_csv(io.StringIO(done.stdout))
    assert table["note"].to_list() == ["a", "b"]
    assert table["prediction"].is_null().to_list() == [False, True]
    assert table["problem"].to_list() == [None, "unparsable distance_km"]
    told = CliRunner().invoke(app, ["predict", model, "--from", str(rows), "--json"])
    first, second = [json.loads(line) for line in told.stdout.splitlines()]
    assert (first["prediction"], second["prediction"]) == (table["prediction"][0], None)
    assert second["problem"] == "unparsable distance_km"


def test_a_file_without_an_input_is_an_error_with_the_inputs(model: str, tmp_path: Path) -> None:
    """The error names what is missing, and what the file has."""
    rows = tmp_path / "rows.csv"
    rows.write_text("city,note\nberlin,a\n", encoding="utf-8")
    error = CliRunner().invoke(app, ["predict", model, "--from", str(rows)]).exception
    assert isinstance(error, AirworthyError)
    assert "'distance_km'" in error.problem
    assert error.received == "city, note"
