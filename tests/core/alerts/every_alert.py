"""One alert of each kind that comes from a release, an approval, live rows or a source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airworthy.alerts.alert import Alert
from airworthy.alerts.alias_alerts import alias_moved
from airworthy.alerts.approval_alerts import (
    Question,
    approval_expired,
    approval_reminder,
    approval_waiting,
)
from airworthy.alerts.live_alerts import blind_monitor, invalid_requests, live_expectation
from airworthy.alerts.release_alerts import (
    held,
    promoted,
    rejected_by_verdict,
    rolled_back,
)
from airworthy.alerts.source_alerts import restated_partition, schema_change, source_changed
from airworthy.handover import (
    Approval,
    CheckResult,
    DataCheck,
    Deployment,
    DriftDecision,
    LiveWindow,
    RequestCheck,
    Rollback,
    Signal,
    Verdict,
)
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.row_changes import RowChanges
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.source_schema import SchemaChange
from airworthy.traffic.moved_aliases import MovedAlias

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LINKS = {"task": "http://airflow/task"}
RUN = "run-1"


def answered(model: str, decision: Any) -> Approval:
    """Return the record of an answer."""
    return Approval(
        model=model,
        version="5",
        bundle_digest="d",
        decision=decision,
        who="ada",
        comment="not today",
        at=NOW,
    )


def question(model: str) -> Question:
    """Return a question with twelve hours left."""
    return Question(model, "5", RUN, NOW + timedelta(hours=12), ["ada"])


def verdict(model: str) -> Verdict:
    """Return a verdict that refuses, with its reason."""
    gate = {"gate": "rmse", "outcome": "fail", "value": 9.0, "threshold": 6.0, "n": 500}
    return Verdict.model_validate(
        {
            "model": model,
            "run_id": RUN,
            "mlflow_run_id": "m",
            "dataset_digest": "d",
            "outcome": "fail",
            "releasable": False,
            "champion_version": "4",
            "metrics": {},
            "gates": [{**gate, "reason": "9 (at most 6 allowed)"}],
            "holdout_rows": 500,
        }
    )


def live_check(model: str, severity: Any = "critical") -> DataCheck:
    """Return a live window that breaks an expectation."""
    window = LiveWindow(
        model=model,
        start=NOW - timedelta(days=1),
        end=NOW,
        production="predictions",
        version=None,
        rows=900,
        quarantined=0,
        newest=NOW,
        champion="4",
    )
    check = CheckResult(
        check="expect_column_values_to_be_between",
        column="stops",
        severity=severity,
        success=False,
        observed="31",
    )
    return DataCheck(window=window, success=False, checks=[check], evidence="/e/data.json")


def requests_check(model: str, outside: int = 30, max_share: float | None = 0.01) -> RequestCheck:
    """Return the counts of a thousand rows.

    Args:
        model: The model.
        outside: Rows outside the contract.
        max_share: The limit.
    """
    return RequestCheck(
        model=model,
        since=NOW - timedelta(days=1),
        until=NOW,
        servers=2,
        rows=1000,
        outside=outside,
        columns={"distance_km": outside},
        max_share=max_share,
    )


def blind_decision(model: str, windows: int = 3) -> DriftDecision:
    """Return the decision on the last of some windows in which nothing could be judged."""
    signals: tuple[Signal, ...] = ("skew", "drift", "label", "loss")
    return DriftDecision(
        model=model,
        champion="4",
        champion_as_of=NOW,
        window_start=NOW - timedelta(days=1),
        window_end=NOW,
        signals=dict.fromkeys(signals, "inconclusive"),
        words=dict.fromkeys(signals, "48 rows in the window, at least 500 are needed"),
        inputs={},
        windows=[],
        last_retrained=None,
        rejected_in_a_row=0,
        blind_windows=windows,
        blind_since=NOW - timedelta(days=windows - 1),
        rules={},
        outcome="inconclusive",
        told="nothing could be judged",
        reason=None,
        train_as_of=NOW,
        digest="",
        trigger=False,
        train_run_id=None,
        evidence="/e/decision.json",
    )


def restated(day: str = "2026-03-18") -> PartitionRecord:
    """Return the record of a restated day."""
    return PartitionRecord(
        partition=day,
        source="csv",
        created=NOW,
        as_of=NOW,
        rows=99,
        quarantined=0,
        duplicates=0,
        digest="b",
        preprocessing="p",
        git_commit="c",
        event_time="at",
        columns={},
        cause="restated",
        previous_digest="a",
        previous_rows=100,
        row_changes=RowChanges(added=0, removed=1, changed={"city": 2}, labelled=0),
    )


CHANGE = SchemaChange(
    day="2026-03-19", run_id=RUN, appeared={"tip": "Float64"}, vanished={}, retyped={}
)


KEPT = SourceChange(day="2026-03-18", run_id=RUN, kept=99, found=98, text="1 removed")


def every_alert(model: str) -> list[Alert]:
    """Return an alert of each of these kinds, about a model."""
    deployment = Deployment(
        model=model,
        version="5",
        previous_version="4",
        promoted=True,
        served=True,
        reason="a run: verdict pass",
    )
    rollback = Rollback(
        model=model,
        from_version="5",
        to_version="4",
        reason="late in the rain",
        started_by=RUN,
        parity_rows=10,
        max_difference=0.0,
    )
    alerts = [
        approval_waiting(question(model), LINKS),
        approval_reminder(question(model), NOW, 0.5, LINKS),
        approval_expired(answered(model, "timeout"), RUN, LINKS),
        promoted(deployment, RUN, LINKS),
        rejected_by_verdict(verdict(model), "5", RUN, LINKS),
        held(model, "5", ["older data than the champion's"], RUN, LINKS),
        rolled_back(rollback, LINKS),
        live_expectation(live_check(model), LINKS),
        restated_partition(model, [restated()], LINKS),
        schema_change(model, [CHANGE], "csv", LINKS),
        source_changed(model, [KEPT], "csv", LINKS),
        invalid_requests(requests_check(model), LINKS),
        blind_monitor(blind_decision(model), LINKS),
        alias_moved(MovedAlias(model=model, alias="champion", found="7", expected="5"), RUN, LINKS),
    ]
    return [alert for alert in alerts if alert is not None]
