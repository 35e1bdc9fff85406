"""``airworthy release`` uses the servers that report, and one in its own process without them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.registry.registry import open_registry
from airworthy.serving.in_process_server import running_server
from airworthy.traffic.current_traffic import current_champion
from airworthy.traffic.replica_report import ReplicaReport
from airworthy.traffic.replica_reports import open_replica_reports

from ..stages.conftest import MakeModel, RunStages  # noqa: TID252 - tests are no installed package
from .replica_reports import replica_report


def reports_of(environment: Environment) -> list[ReplicaReport]:
    """Return the last reports of all servers."""
    return [replica.report for replica in open_replica_reports(environment).read()]


def assert_released(environment: Environment, model: str) -> str:
    """Run the command to a good end, and assert that version 1 is champion everywhere; return what
    it prints.
    """
    done = CliRunner().invoke(app, ["release", model, "1"])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    assert "champion: yes" in done.stdout
    assert current_champion(environment, model) == "1"
    assert open_registry(environment).champion(model) == "1"
    return done.stdout


def test_a_server_that_was_killed_before_does_not_hold_it(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Its last report counts until its lease is over; then the server in this process is enough,
    and says that it ends.
    """
    model = make_model()
    run_stages(model)
    open_replica_reports(environment).write(replica_report("killed", lease_seconds=5.0))
    assert_released(environment, model)
    stopped = {report.replica: report.stopped for report in reports_of(environment)}
    assert stopped.pop("killed") is False
    assert list(stopped.values()) == [True]


def test_the_environments_server_is_used(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a server that answers and reports, no other one starts. The command says who watches the
    new champion.
    """
    model = make_model(release={"watch": "2h"})
    run_stages(model)
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        printed = assert_released(environment, model)
        [report] = reports_of(environment)
    assert f"by {model}__watch in Airflow, or by: airworthy watch {model}" in printed
    assert report.models[model].champion is not None
