"""Requests outside the contract are counted between two looks of the monitor, whatever servers do."""

from __future__ import annotations

from datetime import UTC, datetime

from airworthy.environment import Environment
from airworthy.handover import RequestCheck
from airworthy.stages import run_stage
from airworthy.traffic.replica_report import ContractReport, ModelReport, ReplicaReport
from airworthy.traffic.replica_reports import open_replica_reports

MODEL = "delivery_eta"


def report(environment: Environment, replica: str, counts: ContractReport | None) -> None:
    """Write a server's report."""
    open_replica_reports(environment).write(
        ReplicaReport(
            replica=replica,
            server="production",
            host="h",
            ready=True,
            lease_seconds=10,
            models={MODEL: ModelReport(seen=1, contract=counts)},
        )
    )


def counts(rows: int, **columns: int) -> ContractReport:
    """Return a server's counts."""
    return ContractReport(rows=rows, outside=sum(columns.values()), columns=columns)


def look(run_id: str) -> RequestCheck:
    """Run the stage."""
    as_of = datetime(2026, 3, 20, tzinfo=UTC)
    run = {"model": MODEL, "as_of": as_of.isoformat(), "reason": "scheduled", "run_id": run_id}
    return RequestCheck.model_validate(run_stage("check_requests", {"run": run}))


def test_each_look_counts_what_came_since_the_run_before(environment: Environment) -> None:
    """A retry sees the same; a new server counts whole; one without counts is none of the servers."""
    report(environment, "a", counts(1000, stops=100))
    report(environment, "silent", None)
    first = look("first")
    assert (first.since, first.servers, first.rows, first.outside) == (None, 1, 1000, 100)
    report(environment, "a", counts(1200, stops=100, distance_km=2))
    report(environment, "b", counts(100, distance_km=4))
    second = look("second")
    assert second.since == first.until
    assert (second.rows, second.outside) == (300, 6)
    assert second.columns == {"distance_km": 6}
    assert second.too_many
    again = look("second")
    assert (again.since, again.rows, again.outside) == (first.until, 300, 6)
    third = look("third")
    assert (third.rows, third.outside, third.too_many) == (0, 0, False)
    assert look("third").max_share == 0.01


def test_without_counts_there_is_nothing_to_tell(environment: Environment) -> None:
    """No server, or servers of an earlier version."""
    assert look("first").text == "no model server counts rows outside the contract"
    assert not look("first").too_many
