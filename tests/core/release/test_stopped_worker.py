"""A worker stopped between reading the ledger and appending to it changes nothing afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from airworthy.ledger import open_ledger
from airworthy.ledger.events import CandidateNamed
from airworthy.stages import run_stage
from airworthy.traffic.replica_report import ModelReport
from airworthy.traffic.replica_reports import open_replica_reports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .release_environment import MODEL, ReleaseEnvironment, open_release_environment
from .replica_reports import replica_report

SLOW = "slow-server"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with a champion, version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as opened:
        yield opened


@pytest.mark.parametrize(("stage", "depth"), [("deploy_production", 2), ("rollout", 3)])
def test_another_release_came_while_it_was_stopped(
    env: ReleaseEnvironment, stage: str, depth: int
) -> None:
    """SIGSTOP in the middle of a release, another version released, SIGCONT: the first one is
    refused, and champion, alias and server are those of the other one.
    """
    rollout = ["full"] if stage == "deploy_production" else [10, "full"]
    env.write_spec(rollout=rollout, bake="1h")
    before = env.traffic.champion_version
    first = env.train("2026-03-21")
    second = env.train("2026-03-22", parameters={"max_depth": depth})
    first = env.new_run(first, promote="always")
    reports = open_replica_reports(env.environment)
    # The worker waits for this server: it has read the ledger, and has not appended its decision.
    reports.write(replica_report(SLOW, models={MODEL: ModelReport(seen=0)}, lease_seconds=600.0))
    with worker(stage, {**first, "rollout_request": {"step": 10}}) as process:
        eventually("the worker waits", lambda: env.entries_of(first, CandidateNamed))
        process.send_signal(signal.SIGSTOP)
        reports.store.delete(f"production/{SLOW}.json")
        env.write_spec(rollout=["full"])
        won = run_stage("deploy_production", env.new_run(second, promote="always"))
        assert (won["promoted"], won["previous_version"]) == (True, before)
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate()
    assert process.returncode != 0, output
    assert "another version became champion after the verdict was made" in errors
    kinds = {entry.kind for entry in env.entries(first)}
    assert not kinds & {"alias_move", "rollout_step"}
    env.assert_only_champion(won["version"])
    assert open_ledger(env.environment, MODEL).first_broken_entry() is None


def worker(stage: str, payload: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a stage in a process of its own, as a runner does."""
    command = [sys.executable, "-m", "airworthy", "stage", stage, "--model", MODEL, "--input", "-"]
    process = subprocess.Popen(
        command,
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(payload))
    process.stdin.close()
    process.stdin = None
    return process
