"""Alerts have the same words and key for the same event, and always a next step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airworthy.alerts.factories import (
    LateRun,
    circuit_breaker,
    failed_validation,
    guard_trip,
    late_run,
    retraining,
    too_old,
)
from airworthy.errors import TerminalError
from airworthy.handover import AgeCheck, ArmFigures, DriftDecision, RolloutStatus

LINKS = {"task": "http://airflow/task"}
START = datetime(2026, 3, 20, tzinfo=UTC)


def decision(**changes: Any) -> DriftDecision:
    """A decision to train again, because of drift in two of three windows."""
    facts: dict[str, Any] = {
        "model": "parcels",
        "champion": "4",
        "champion_as_of": START,
        "window_start": START,
        "window_end": START + timedelta(days=1),
        "signals": {"skew": "fired", "drift": "fired", "label": "quiet", "loss": "inconclusive"},
        "words": {
            "skew": "city moved",
            "drift": "distance_km moved",
            "label": "as before",
            "loss": "too few labels",
        },
        "inputs": {},
        "windows": [],
        "last_retrained": START,
        "rejected_in_a_row": 0,
        "rules": {},
        "outcome": "retrain",
        "told": "drift in 2 of 3 windows",
        "reason": "drift",
        "train_as_of": START,
        "digest": "d",
        "trigger": True,
        "train_run_id": "drift__parcels",
        "evidence": "/evidence/decision.json",
    }
    return DriftDecision(**{**facts, **changes})


def test_a_retraining_says_what_fired_and_which_run_it_started() -> None:
    """The text has the fired signals and no others; nothing is left to do."""
    alert = retraining(decision(), LINKS, started=True)
    assert (alert.kind, alert.severity) == ("drift", "warning")
    assert alert.title == "parcels is trained again"
    assert alert.text.splitlines() == [
        "drift in 2 of 3 windows",
        "skew: city moved",
        "drift: distance_km moved",
    ]
    assert alert.facts["training"] == "drift__parcels"
    assert alert.links == {**LINKS, "decision": "/evidence/decision.json"}
    assert retraining(decision(reason="performance"), LINKS, started=True).kind == "performance"


def test_a_retraining_that_a_paused_dag_keeps_back_is_another_alert_and_names_the_dag() -> None:
    """The obstacle comes first; training starts without it."""
    kept_back, started = (
        retraining(decision(), LINKS, started=started) for started in (False, True)
    )
    assert kept_back.severity == "critical"
    assert "unpause parcels__train" in kept_back.next_step
    assert kept_back.key != started.key


def test_the_circuit_breaker_says_how_many_were_refused() -> None:
    """A person has to look; the ledger has the reasons."""
    alert = circuit_breaker(
        decision(outcome="circuit_open", trigger=False, rejected_in_a_row=3), LINKS
    )
    assert (alert.kind, alert.severity) == ("circuit_breaker", "critical")
    assert alert.facts["refused in a row"] == "3"
    assert "airworthy ledger parcels" in alert.next_step


def test_a_trip_says_why_and_what_both_versions_did() -> None:
    """Reasons, step, and the figures of both."""
    status = RolloutStatus(
        model="parcels",
        version="5",
        step=10,
        state="tripped",
        since=START,
        reasons=["3 % errors", "p99 90 ms"],
        champion=ArmFigures(version="4", requests=9000, errors=1, rows=9000),
        challenger=ArmFigures(version="5", requests=1000, errors=30, rows=1000),
    )
    alert = guard_trip(status, "run-1", LINKS)
    assert (alert.kind, alert.severity, alert.about) == (
        "guard_trip",
        "critical",
        "version 5 run-1",
    )
    assert alert.text == "3 % errors\np99 90 ms"
    assert alert.facts == {
        "version": "5",
        "step": "10 %",
        "champion": "9,000 requests, 1 errors",
        "challenger": "1,000 requests, 30 errors",
    }


def test_unfit_data_are_one_alert_a_dataset_version() -> None:
    """Findings and next step are the stage's own words; another run on the same data is no other
    alert.
    """
    error = TerminalError(
        "2 critical check(s) failed", received="nulls in city", next_step="look at validation.json"
    )
    alert = failed_validation("parcels", "parcels/2026-03-20/abc", error, LINKS)
    assert alert.about == "parcels/2026-03-20/abc"
    assert alert.facts["found"] == "nulls in city"
    assert alert.next_step == "look at validation.json"
    bare = failed_validation(
        "parcels", "parcels/2026-03-20/abc", TerminalError("it ended with 1"), LINKS
    )
    assert bare.key == alert.key
    assert "correct the source" in bare.next_step


@pytest.mark.parametrize(
    ("age", "delay", "kinds"),
    [
        (30, 2, []),
        (31, 2, ["champion_age"]),
        (30, 3, ["data_delay"]),
        (400, 90, ["champion_age", "data_delay"]),
    ],
)
def test_age_and_delay_are_told_only_beyond_their_limits(
    age: int, delay: int, kinds: list[str]
) -> None:
    """A limit is still allowed; each alert has the distance from it."""
    check = age_check(age, delay)
    assert [alert.kind for alert in too_old(check, LINKS)] == kinds
    for alert in too_old(check, LINKS):
        days, limit = (age, "30d") if alert.kind == "champion_age" else (delay, "2d")
        assert f"{days}.0 days ago ({limit} allowed)" in alert.text


def test_without_limits_or_without_a_champion_there_is_nothing_to_tell() -> None:
    """No limit, no alert; and no champion is no old champion."""
    assert too_old(age_check(400, 90, champion_max_age=None, data_max_delay=None), LINKS) == []
    assert too_old(age_check(0, 0, champion=None, champion_as_of=None), LINKS) == []


def test_a_champion_is_told_of_once_however_its_age_grows() -> None:
    """The next day's check finds the same champion, and the same last day."""
    first, later = too_old(age_check(31, 3), LINKS), too_old(age_check(41, 13), LINKS)
    assert first[0].key == later[0].key
    assert [alert.about for alert in first] == ["version 4", "until 2026-03-17"]


def test_a_late_run_says_whether_it_failed_or_still_runs() -> None:
    """Since when it was queued, by when it was to have succeeded, and where it is."""
    deadline = START + timedelta(hours=6)
    late = [
        late_run("parcels", LateRun("parcels__train", "r", state, START, deadline), LINKS)
        for state in ("running", "failed")
    ]
    assert late[0].title == "parcels__train: a run has not ended 6h after it was queued"
    assert late[1].title == "parcels__train: a run failed 6h after it was queued"
    assert late[0].key == late[1].key
    assert late[0].text == "It was to have succeeded by 2026-03-20 06:00 UTC."


def age_check(age: int, delay: int, **changes: Any) -> AgeCheck:
    """Return a champion of so many days, and a last day so many days ago; the last day does not
    grow.

    Args:
        age: The champion's age in days.
        delay: The data's delay in days.
        **changes: Fields of the result.
    """
    end = datetime(2026, 3, 17, tzinfo=UTC)
    as_of = end + timedelta(days=delay)
    facts: dict[str, Any] = {
        "model": "parcels",
        "as_of": as_of,
        "champion": "4",
        "champion_as_of": as_of - timedelta(days=age),
        "champion_max_age": timedelta(days=30),
        "data_until": end,
        "data_max_delay": timedelta(days=2),
    }
    return AgeCheck(**{**facts, **changes})
