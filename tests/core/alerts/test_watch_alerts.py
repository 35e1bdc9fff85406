"""Alerts after a release: one for each bad champion, one for each failed drill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airworthy.alerts.watch_alerts import failed_drill, watch_trip
from airworthy.handover import ArmFigures, DrillResult, WatchStatus

LINKS = {"task": "http://airflow/task"}
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def tripped(since: datetime) -> WatchStatus:
    """Return the status of a bad champion."""
    return WatchStatus(
        model="parcels",
        version="7",
        state="tripped",
        since=since,
        until=since + timedelta(days=1),
        reasons=["error rate 12.00%: 6 of 50 requests, at most 1.00% allowed"],
        figures=ArmFigures(version="7", requests=50, errors=6, rows=50),
    )


def test_a_bad_champion_is_told_once_for_each_release() -> None:
    """Two looks at one watch are one alert; the same version released again is another one."""
    alert = watch_trip(tripped(NOON), LINKS)
    assert (alert.kind, alert.severity) == ("guard_trip", "critical")
    assert "6 of 50 requests" in alert.text
    assert alert.key == watch_trip(tripped(NOON), {}).key
    assert alert.key != watch_trip(tripped(NOON + timedelta(days=3)), LINKS).key


def test_a_failed_drill_names_both_versions_and_the_reason() -> None:
    """It is told before a rollback is needed."""
    result = DrillResult(
        model="parcels", champion="7", predecessor="5", passed=False, reasons=["no such file"]
    )
    alert = failed_drill(result, "weekly", LINKS)
    assert (alert.kind, alert.text) == ("rollback_drill", "no such file")
    assert alert.facts == {"champion": "7", "predecessor": "5"}
    assert alert.next_step
