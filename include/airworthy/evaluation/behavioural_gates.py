"""Behavioural tests as gates of the verdict."""

from __future__ import annotations

from airworthy.evaluation.behavioural_tests import BehaviouralResult
from airworthy.handover import GateOutcome, Outcome

BEHAVIOUR_GATE = "behaviour: "


def behaviour_outcomes(found: list[BehaviouralResult]) -> list[GateOutcome]:
    """Return one outcome per behavioural test: its value is the share of rows that break the rule."""
    return [_outcome(each) for each in found]


def _outcome(found: BehaviouralResult) -> GateOutcome:
    outcome: Outcome = "pass" if found.share <= found.allowed else "fail"
    count = f"{found.violations:,} of {found.rows:,} rows break it ({found.share:.2%}, at most {found.allowed:.2%})"
    reason = f"{found.rule}: {count}{f'; most: {found.example}' if found.example else ''}"
    if found.rows < found.min_rows:
        outcome, reason = (
            "inconclusive",
            f"{found.rule}: only {found.rows} rows to try, {found.min_rows} asked",
        )
    return GateOutcome(
        gate=f"{BEHAVIOUR_GATE}{found.name}",
        outcome=outcome,
        value=found.share if found.rows else None,
        threshold=found.allowed,
        n=found.rows,
        reason=reason,
    )
