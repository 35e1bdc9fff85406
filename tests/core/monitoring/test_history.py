"""Ledger and registry hold the earlier windows and trainings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airworthy.handover import DriftDecision, Signal, SignalOutcome
from airworthy.ledger import Entry
from airworthy.monitoring.history import (
    TrainedVersion,
    earlier_windows,
    find_decision,
    last_retrained,
    refused_in_a_row,
    trained_versions,
    triggering_entry,
)

DAY = timedelta(days=1)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
NOON = "2026-03-01T12:00:00+00:00"
QUIET: dict[Signal, SignalOutcome] = dict.fromkeys(("skew", "drift", "label", "loss"), "quiet")


def entry(kind: str, content: dict[str, Any], number: int = 0) -> Entry:
    """Return a ledger entry.

    Args:
        kind: Of the event.
        content: Its payload.
        number: Of the entry.
    """
    import json

    return Entry(
        number, f"{kind}:{number}", "", kind, "m", "run", "who", json.dumps(content), "", ""
    )


def decision(
    day: int,
    outcome: str = "quiet",
    champion: str | None = "1",
    fired: Signal | None = None,
    follows: int | None = None,
) -> Entry:
    """Return the entry of a retraining decision.

    Args:
        day: The window's end, in days after 1 March.
        outcome: Of the decision.
        champion: Its version.
        fired: The fired signal.
        follows: The day of the training that it follows up.
    """
    end = MARCH + day * DAY
    decision_made = DriftDecision(
        model="m",
        champion=champion,
        champion_as_of=MARCH,
        window_start=end - DAY,
        window_end=end,
        signals={**QUIET, fired: "fired"} if fired else QUIET,
        words=dict.fromkeys(QUIET, ""),
        inputs={},
        windows=[],
        last_retrained=None,
        rejected_in_a_row=0,
        rules={},
        outcome=outcome,
        told="",
        reason="performance" if outcome == "retrain" else None,
        follows=None if follows is None else MARCH + follows * DAY,
        train_as_of=end,
        digest="",
        trigger=outcome == "retrain",
        train_run_id=f"drift__{day}" if outcome == "retrain" else None,
        evidence="",
    )
    return entry("drift_decision", decision_made.model_dump(mode="json"), day)


def trained(*approved: bool) -> list[TrainedVersion]:
    """Return trained versions, each approved or rejected."""
    return [TrainedVersion(n, MARCH + n * DAY, "drift", each) for n, each in enumerate(approved, 1)]


def test_a_window_is_decided_once_and_what_was_inconclusive_is_not() -> None:
    """The first conclusive answer is the answer."""
    entries = [decision(3, "inconclusive"), decision(3, "watching"), decision(4, "inconclusive")]
    result = find_decision(entries, MARCH + 3 * DAY)
    assert result is not None
    assert result.outcome == "watching"
    assert find_decision(entries, MARCH + 4 * DAY) is None
    assert find_decision(entries, MARCH + 5 * DAY) is None


def test_only_this_champions_earlier_windows_count() -> None:
    """By time, each once, with the last word on it."""
    entries = [
        decision(3, "inconclusive"),
        decision(2, fired="skew"),
        decision(3, fired="loss"),
        decision(4, champion="2"),
        decision(5),
        decision(1, champion=None),
    ]
    result = earlier_windows(entries, "1", MARCH + 5 * DAY)
    assert [
        (window.end.day, window.signals["skew"], window.signals["loss"]) for window in result
    ] == [
        (3, "fired", "quiet"),
        (4, "quiet", "fired"),
    ]


def test_the_last_training_is_the_newest_seen_or_asked_for() -> None:
    """A requested training counts before its version is there; nothing counts when there was none."""
    assert last_retrained([], []) is None
    assert last_retrained([decision(2)], trained(True)) == MARCH + DAY
    assert (
        last_retrained([decision(9, "retrain"), decision(10)], trained(True, False))
        == MARCH + 9 * DAY
    )


@pytest.mark.parametrize(
    ("versions", "released", "count"),
    [
        ([], [], 0),
        ([True, True], [], 0),
        ([True, False, False], [], 2),
        ([False, True, False], [], 1),
        ([True, True, False], [("guard_trip", {"version": "2", "step": 10})], 2),
        ([True, True], [("approval", {"version": "2", "decision": "reject", "at": NOON})], 1),
        (
            [True, True],
            [
                ("approval", {"version": "2", "decision": "timeout", "at": NOON}),
                ("approval", {"version": "2", "decision": "approve", "at": NOON}),
            ],
            0,
        ),
        (
            [True, True],
            [("guard_trip", {"version": "2", "step": 10}), ("alias_move", {"to": "2"})],
            0,
        ),
    ],
)
def test_refused_challengers_in_a_row(
    versions: list[bool], released: list[tuple[str, dict[str, Any]]], count: int
) -> None:
    """By gates, by a person's no or silence, or by the guard; the last word on a version counts."""
    entries = [entry(kind, content, number) for number, (kind, content) in enumerate(released)]
    assert refused_in_a_row(entries, trained(*versions)) == count


def test_a_refused_follow_up_says_nothing_against_retraining() -> None:
    """It is made however quiet the monitor is: only the two others count, also when they are older."""
    versions = [
        TrainedVersion(number + 1, MARCH + day * DAY, "performance", approved=False)
        for number, day in enumerate((2, 9, 16))
    ]
    triggers = [decision(2, "retrain"), decision(9, "retrain", follows=2), decision(16, "retrain")]
    assert refused_in_a_row(triggers, versions) == 2
    assert refused_in_a_row(triggers, versions[:2]) == 1
    assert refused_in_a_row([decision(9)], versions) == 3


def test_backfills_are_no_retraining() -> None:
    """Versions are read from their tags, by number; those of backfills and of strangers are left
    out.
    """
    tags = {
        "10": {
            "airworthy.as_of": "2026-03-10T00:00:00+00:00",
            "airworthy.validation_status": "approved",
        },
        "9": {"airworthy.as_of": "2026-01-01T00:00:00+00:00", "airworthy.reason": "backfill"},
        "2": {
            "airworthy.as_of": "2026-03-02T00:00:00+00:00",
            "airworthy.validation_status": "rejected",
        },
        "1": {"made": "by hand"},
    }
    assert [(each.version, each.as_of.day, each.approved) for each in trained_versions(tags)] == [
        (2, 2, False),
        (10, 10, True),
    ]


def test_a_run_leads_back_to_its_decision() -> None:
    """By its run id."""
    entries = [decision(2), decision(3, "retrain")]
    assert triggering_entry(entries, "drift__3") == "drift_decision:3"
    assert triggering_entry(entries, "scheduled") is None
