"""The reports about a step: live servers decide, and the requests of all of them count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airworthy.handover import ArmFigures
from airworthy.release.step_reports import StepReports
from airworthy.traffic import Rollout
from airworthy.traffic.replica_report import ArmReport, ModelReport, RolloutReport
from airworthy.traffic.replica_reports import Replica

from .replica_reports import MODEL, replica_report

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = Rollout("1", "2", 10, NOW - timedelta(minutes=5), "run", bundle_digest="d", entry=9)
DEAD, SILENT = {"stopped": True}, {"lease_seconds": 1.0}


def arm(version: str, requests: int) -> ArmReport:
    """Return an arm with requests."""
    return ArmReport(figures=ArmFigures(version=version, requests=requests, errors=0, rows=0))


def server(
    name: str,
    requests: int = 0,
    written: datetime = NOW - timedelta(seconds=2),
    report: dict[str, Any] | None = None,
    **step: Any,
) -> Replica:
    """Return a server in the step.

    Args:
        name: Its name.
        requests: Its requests for the challenger.
        written: The time of its report.
        report: Changes of the report.
        **step: Changes of its report of the step.
    """
    fields: dict[str, Any] = {"entry": 9, "step": 10, "serves": True}
    fields |= {"champion": arm("1", 2 * requests), "challenger": arm("2", requests)} | step
    model = ModelReport(seen=fields["entry"], rollout=RolloutReport(**fields))
    return Replica(replica_report(name, model, **(report or {})), written)


def reports_of(*replicas: Replica) -> StepReports:
    """Return the reports about the step."""
    return StepReports(replicas, MODEL, STEP, NOW)


def test_requests_of_all_servers_of_the_step_count() -> None:
    """Also of servers that have ended or died since; not those of another step."""
    reports = reports_of(
        server("a", 3),
        server("b", 5, report=DEAD),
        server("c", 7, report=SILENT),
        server("d", 100, entry=8),
    )
    champion, challenger = reports.arms
    assert (champion.figures.requests, challenger.figures.requests) == (30, 15)
    assert [replica.name for replica in reports.live] == ["a", "d"]


def test_a_silent_server_is_named_and_not_waited_for() -> None:
    """One that ended by itself is neither; one that does not serve the step yet is waited for."""
    reports = reports_of(
        server("a"),
        server("b", report=DEAD),
        server("c", report=SILENT, serves=False),
        server("d", serves=False),
        server("e", entry=8),
    )
    assert [words.split()[3] for words in reports.silent] == ["c"]
    assert [words.split()[3] for words in reports.lagging] == ["d", "e"]


def test_a_step_is_covered_when_every_live_server_has_reported_since() -> None:
    """A report of before the end lacks the last requests; a dead server will not send them."""
    until = NOW - timedelta(seconds=10)
    early = until - timedelta(seconds=1)
    assert reports_of(server("a"), server("b", written=early, report=DEAD)).covers(until)
    assert not reports_of(server("a"), server("b", written=early)).covers(until)


def test_what_a_person_did_is_found_in_any_live_server() -> None:
    """A kill switch, and flags in place of the ledger's with the servers that follow them."""
    flag = {"m.rollout": '{"share": 30}'}
    reports = reports_of(
        server("a", overrides=flag), server("b"), server("c", overrides=flag, serves=False)
    )
    assert reports.overrides == {("m.rollout", '{"share": 30}'): ["a", "c"]}
    assert not reports.kill_switch
    model = ModelReport(seen=9, kill_switch=True)
    killed = Replica(replica_report("d", model), NOW)
    assert reports_of(server("a"), killed).kill_switch


def test_a_server_that_cannot_load_is_named() -> None:
    """A failure that is older than the step says nothing about it."""
    for seen, found in ((9, 1), (8, 0)):
        model = ModelReport(seen=seen, failed={"2": "no memory"})
        refusals = reports_of(server("a"), Replica(replica_report("b", model), NOW)).refusals
        assert len(refusals) == found
        assert all("model server b: no memory" in words for words in refusals)
