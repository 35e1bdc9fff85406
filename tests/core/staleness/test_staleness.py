"""Staleness measured on simulated models: where the world moves age costs, where it does not age is
free.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.handover import RunRequest
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StalenessMeasured
from airworthy.registry.registry import open_registry
from airworthy.replay import newest_end
from airworthy.spec import load_spec

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from ..stages.conftest import AS_OF, COLUMNS, MakeModel, RunStages, make_model, run_stages  # noqa: TID252

__all__ = ["make_model", "run_stages"]
GATES = {"gates": [{"metric": "rmse", "max": 100}], "resamples": 100}


def make(make_model: MakeModel, **source: Any) -> str:
    """Build a model with simulated data."""
    ingest = {
        "source": {"type": "simulator", "rows_per_day": 300, "seed": 5, **source},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": dict(COLUMNS),
    }
    # All days of the lookback, whatever their age: a model that is fitted on newer ones ages slower.
    train = {
        "lookback": "8d",
        "holdout": "2d",
        "rounds": 40,
        "parameters": {"max_depth": 4},
        "recent": [],
        "refit": False,
    }
    monitor = {"performance": {"max_loss": 0.2}}
    return make_model(ingest=ingest, evaluate=GATES, train=train, monitor=monitor)


def run_command(*arguments: str, exit_code: int = 0) -> tuple[str, str]:
    """Run a command; return its standard output and error."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == exit_code, result.output
    return result.stdout, result.stderr


def losses(table: str) -> dict[str, float]:
    """Age -> loss in percent, from the printed table."""
    loss_by_age = re.findall(r"^ *(\d+d) +\d+ +[\d,]+ +[\d.]+ +([+-][\d.]+)%", table, re.MULTILINE)
    return {age: float(loss) for age, loss in loss_by_age}


def last_measured(environment: Environment, model: str) -> StalenessMeasured:
    """Return the event of the ledger's last entry."""
    event = open_ledger(environment, model).entries()[-1].event
    assert isinstance(event, StalenessMeasured)
    return event


def evidence_of(table: str) -> Path:
    """Return the folder of evidence in the printed table."""
    return Path(re.findall("^evidence: (.+)$", table, re.MULTILINE)[0])


def test_older_is_worse_in_a_world_that_moves(
    environment: Environment, make_model: MakeModel
) -> None:
    """The older the more is lost; the alert goes into the spec, the measurements into files and
    ledger.
    """
    model = make(make_model, drift_from="2026-03-08", drift_strength=3.0)
    command = (
        "staleness",
        model,
        "--as-of",
        AS_OF,
        "--ages",
        "1d,6d,20d,500d",
        "--windows",
        "1",
        "--write",
    )
    table, progress = run_command(*command)
    loss_by_age = losses(table)
    assert list(loss_by_age) == ["1d", "6d", "20d"]
    assert loss_by_age["20d"] > loss_by_age["6d"] > max(loss_by_age["1d"], 20.0)
    assert "left out: 500d as of 2026-03-20: its 8d of data would begin before 2025-01-01" in table
    assert "5/5  done" in progress
    spec = load_environment().models / model / "model.yaml"
    assert f"{spec}: alerts.champion_max_age is now 1d" in table
    assert load_spec(spec).alerts.champion_max_age == timedelta(days=1)
    evidence = evidence_of(table)
    curve = json.loads((evidence / "staleness.json").read_text(encoding="utf-8"))
    assert [point["age"] for point in curve["points"]] == [0, 1, 6, 20]
    assert (evidence / "staleness.png").stat().st_size > 10_000
    measured = last_measured(environment, model)
    assert (measured.limit.age, measured.written) == (1, True)
    assert "written to the spec" in run_command("ledger", model)[0]
    # Where the youngest is too old there is nothing to set, and the spec keeps what it has.
    refused = CliRunner().invoke(
        app, ["staleness", model, "--as-of", AS_OF, "--ages", "9d", "--windows", "1", "--write"]
    )
    assert "there is no age to set the alert to" in str(refused.exception)
    assert load_spec(spec).alerts.champion_max_age == timedelta(days=1)
    assert last_measured(environment, model).limit.age is None
    # Where no fresh challenger has its whole lookback there is nothing to compare with.
    early = CliRunner().invoke(app, ["staleness", model, "--as-of", "2025-01-05", "--windows", "2"])
    assert early.exit_code == 1
    assert "no age could be compared with a model of the day" in str(early.exception)
    assert "its 8d of data would begin before 2025-01-01" in str(early.exception)
    assert f"next:     airworthy staleness {model}" in str(early.exception)
    # Nothing else was left: no version, no lake of the model's own, no scratch.
    assert open_registry(environment).models() == []
    assert not list((environment.state / "scratch").rglob("*.*"))
    assert not (environment.state / "lake" / model / "data").exists()


def test_age_costs_nothing_where_the_world_stays(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Losses are chance, the oldest age is the limit; a registered version is taken, not trained;
    the spec stays.
    """
    model = make(make_model)
    version = run_stages(model)["version"]
    registry = open_registry(environment)
    make_champion(environment, model, version["version"])
    spec = load_environment().models / model / "model.yaml"
    before = spec.read_bytes()
    table, _ = run_command(
        "staleness", model, "--as-of", AS_OF, "--ages", "7d,21d", "--windows", "2"
    )
    assert all(abs(loss) < 6.0 for loss in losses(table).values()), table
    assert (
        "limit: no age that was tried can lose more than 20%: the alert is set to the oldest, 21d"
        in table
    )
    assert "taken from the registry: version 1" in table
    assert table.endswith("alerts:\n  champion_max_age: 21d\n")
    assert spec.read_bytes() == before
    run_id = str(registry.version(model, "1").run_id)
    logged = {
        Path(each.path).name
        for each in registry.client.list_artifacts(run_id, "monitoring/staleness-2026-03-20")
    }
    assert logged == {"staleness.json", "staleness.png", "staleness.txt"}
    assert [str(each.version) for each in registry.versions(model)] == ["1"]


@pytest.mark.parametrize("as_of", ["0001-01-01", "2025-01-01"])
def test_before_the_first_day_is_over_there_is_nothing_to_look_back_on(
    make_model: MakeModel, as_of: str
) -> None:
    """The error names the first day with data."""
    refused = CliRunner().invoke(app, ["staleness", make(make_model), "--as-of", as_of])
    assert refused.exit_code == 1
    assert "the model has no complete day yet" in str(refused.exception)
    assert "after 2025-01-01" in str(refused.exception)


@pytest.mark.parametrize("as_of", ["2013-06-01", "2013-01-01"])
def test_a_source_that_ended_has_its_own_clock(as_of: str) -> None:
    """The newest day of a model with ended data is its last one, however late the command runs."""
    environment = load_environment()
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    run = RunRequest(model="bike_demand", as_of=moment, reason="manual", run_id="clock")
    job = Job(load_spec(environment.models / "bike_demand" / "model.yaml"), environment, run)
    assert newest_end(job) == datetime(2013, 1, 1, tzinfo=UTC)
