"""``airworthy servers`` shows each model server by its own last report."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.handover import ArmFigures
from airworthy.traffic.replica_report import (
    ArmReport,
    LoadedVersion,
    ModelReport,
    ReplicaReport,
    RolloutReport,
)
from airworthy.traffic.replica_reports import open_replica_reports

SEEN = datetime(2026, 3, 20, 8, 30, tzinfo=UTC)
LEASE = 3600.0


def report(replica: str, **changes: object) -> ReplicaReport:
    """Return a report of a ready server in production without models; `changes` replace fields."""
    values: dict[str, object] = {
        "replica": replica,
        "server": "production",
        "host": "web",
        "ready": True,
        "lease_seconds": LEASE,
        "record_seen": SEEN,
    }
    return ReplicaReport.model_validate({**values, **changes})


def figures(version: str) -> ArmFigures:
    """Return a version's counts in a rollout."""
    return ArmFigures(version=version, requests=5, errors=0, rows=9)


def in_canary() -> ModelReport:
    """Return the report of a model in the middle of a rollout."""
    champion, challenger = (
        ArmReport(figures=figures(version), predictions=[1.0], seconds=[0.1])
        for version in ("7", "8")
    )
    rollout = RolloutReport(
        entry=41, step=10, serves=True, champion=champion, challenger=challenger
    )
    return ModelReport(
        seen=41,
        champion=LoadedVersion(version="7", bundle_digest="7" * 64),
        loaded=[LoadedVersion(version="8", bundle_digest="8" * 64)],
        failed={"9": "the files are gone"},
        kill_switch=True,
        rollout=rollout,
    )


def servers(*words: str) -> list[str]:
    """Run the command; return its lines."""
    result = CliRunner().invoke(app, ["servers", *words])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def columns(line: str) -> list[str]:
    """Return the cells of a line."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def make_older(environment: Environment, replica: str, by: timedelta) -> None:
    """Set the time of a report back."""
    path = Path(environment.lake) / "_servers" / "production" / f"{replica}.json"
    then = (datetime.now(UTC) - by).timestamp()
    os.utime(path, (then, then))


def test_each_server_has_a_line_with_its_versions_and_its_entry(environment: Environment) -> None:
    """Role, host, state, times in UTC, and for each model the versions and the entry it follows."""
    production, staging = (
        open_replica_reports(environment, role) for role in ("production", "staging")
    )
    production.write(report("web-1", models={"eta": in_canary(), "late": ModelReport(seen=3)}))
    staging.write(report("lab-1", server="staging", host="lab"))
    head, first, second = servers()
    assert columns(head) == [
        "role",
        "replica",
        "host",
        "state",
        "reported",
        "record seen",
        "models",
    ]
    assert columns(first)[:4] == ["production", "web-1", "web", "ready"]
    assert columns(first)[5:] == [
        "2026-03-20 08:30:00",
        "eta 7, also 8, not 9 (the files are gone), step 10 of 8, kill switch on, entry 41; late -, entry 3",
    ]
    assert columns(second)[:4] == ["staging", "lab-1", "lab", "ready"]
    assert columns(second)[6] == "-"


@pytest.mark.parametrize(
    ("changes", "older", "state"),
    [
        ({}, timedelta(), "ready"),
        ({"ready": False, "record_seen": None}, timedelta(), "not ready"),
        ({}, timedelta(hours=2), "silent"),
        ({"ready": False}, timedelta(hours=2), "silent"),
        ({"stopped": True}, timedelta(hours=2), "stopped"),
    ],
)
def test_a_server_without_a_report_in_its_lease_is_silent_unless_it_has_ended(
    environment: Environment, changes: dict[str, object], older: timedelta, state: str
) -> None:
    """The state is computed from the report's own lease and the time of its writing."""
    open_replica_reports(environment).write(report("web-1", **changes))
    make_older(environment, "web-1", older)
    assert columns(servers()[1])[3] == state
    [told] = [json.loads(line) for line in servers("--json")]
    assert told["state"] == state
    reported = datetime.fromisoformat(told["reported"])
    assert datetime.now(UTC) - reported >= older


def test_json_has_the_whole_report_without_its_samples(environment: Environment) -> None:
    """A program reads figures and digests; the samples of the guard are left out."""
    open_replica_reports(environment).write(report("web-1", models={"eta": in_canary()}))
    [told] = [json.loads(line) for line in servers("--json")]
    eta = told["models"]["eta"]
    assert eta["champion"]["bundle_digest"] == "7" * 64
    assert eta["rollout"]["challenger"] == {"figures": figures("8").model_dump()}


def test_without_a_report_the_command_says_so(environment: Environment) -> None:
    """No server has reported: a line in words, and no object."""
    assert servers() == [f"no model server has reported below {environment.lake}: airworthy serve"]
    assert servers("--json") == []
