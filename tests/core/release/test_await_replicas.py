"""A release waits for the model servers that report, and for no others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.release.await_replicas import Replicas
from airworthy.traffic.replica_report import ModelReport, ReplicaReport
from airworthy.traffic.replica_reports import ReplicaReports, open_replica_reports

from .replica_reports import DIGEST, MODEL, loaded, replica_report


@pytest.fixture
def reports(environment: Environment) -> ReplicaReports:
    """The place of the reports."""
    return open_replica_reports(environment)


def replicas(reports: ReplicaReports, patience: float = 60.0) -> Replicas:
    """Return the servers, waited for this long."""
    return Replicas(reports, MODEL, poll_seconds=0.02, patience_seconds=patience)


@contextmanager
def reporting_later(reports: ReplicaReports, *later: ReplicaReport) -> Iterator[None]:
    """Let servers report again while the block waits for them."""

    def write() -> None:
        for each in later:
            reports.write(each)

    timer = threading.Timer(0.2, write)
    timer.start()
    yield
    timer.join()


def test_it_waits_until_every_live_server_has_loaded_the_files(reports: ReplicaReports) -> None:
    """The last server counts, and the cost is the greatest of all."""
    done = ModelReport(seen=7, loaded=[loaded("2", load_seconds=0.5, memory_mib=3.0)])
    slow = ModelReport(seen=7, loaded=[loaded("2", load_seconds=2.5, memory_mib=1.0)])
    reports.write(replica_report("a", done))
    reports.write(replica_report("b", ModelReport(seen=6)))
    with reporting_later(reports, replica_report("b", slow)):
        cost = replicas(reports).await_loaded("2", DIGEST, entry=7)
    assert (cost.load_seconds, cost.memory_mib) == (2.5, 3.0)


@pytest.mark.parametrize(
    "model",
    [
        ModelReport(seen=6, loaded=[loaded("2")]),
        ModelReport(seen=7, loaded=[loaded("2", "e" * 64)]),
        ModelReport(seen=7, loaded=[loaded("1")]),
        None,
    ],
    ids=["an older entry", "other files", "another version", "an unknown model"],
)
def test_a_server_that_does_not_follow_in_time_is_named(
    reports: ReplicaReports, model: ModelReport | None
) -> None:
    """Nothing goes on with a server that has not got there: the error names this one alone."""
    reports.write(replica_report("good", ModelReport(seen=7, loaded=[loaded("2")])))
    reports.write(replica_report("late", model))
    with pytest.raises(TransientError, match=r"version 2 is loaded: late\n"):
        replicas(reports, patience=0.2).await_loaded("2", DIGEST, entry=7)


def test_a_server_that_cannot_load_ends_the_wait(reports: ReplicaReports) -> None:
    """It is named with its reason. A failure before the entry says nothing about it."""
    bad = "its files are not those that were registered"
    reports.write(replica_report("a", ModelReport(seen=7, loaded=[loaded("2")])))
    reports.write(replica_report("b", ModelReport(seen=6, failed={"2": "of an earlier time"})))
    later = replica_report("b", ModelReport(seen=7, failed={"2": bad}))
    with (
        reporting_later(reports, later),
        pytest.raises(TerminalError, match=f"model server b: {bad}"),
    ):
        replicas(reports).await_loaded("2", DIGEST, entry=7)


def test_without_a_live_server_nothing_goes_on(reports: ReplicaReports) -> None:
    """No server, one that has ended, and one that is not ready: the error says how to start one."""
    model = ModelReport(seen=7, champion=loaded("2"))
    reports.write(replica_report("ended", model, stopped=True))
    reports.write(replica_report("starting", model, ready=False))
    with pytest.raises(TransientError, match="no model server reports") as refused:
        replicas(reports).await_champion("2", entry=7)
    assert "airworthy serve" in str(refused.value)
    with pytest.raises(TransientError, match="no model server reports"):
        replicas(reports).live()


def test_a_server_that_falls_silent_is_named_and_stops_counting(
    reports: ReplicaReports, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lease is over, and the others are enough."""
    reports.write(replica_report("b", ModelReport(seen=7, champion=loaded("2"))))
    reports.write(replica_report("a", ModelReport(seen=6), lease_seconds=3.0))
    replicas(reports).await_champion("2", entry=7)
    assert "the model server a has not reported since" in caplog.text


def test_a_rollout_has_ended_when_every_server_says_so(reports: ReplicaReports) -> None:
    """A server that has seen the end and shows no step of before is enough."""
    reports.write(replica_report("a", ModelReport(seen=8)))
    replicas(reports).await_end(entry=8)
    reports.write(replica_report("a", ModelReport(seen=7)))
    with pytest.raises(TransientError, match="the rollout has ended: a"):
        replicas(reports, patience=0.2).await_end(entry=8)
