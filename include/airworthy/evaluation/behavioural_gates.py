"""Behavioural tests as gates of the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.evaluation.behavioural_tests import BehaviouralResult
from airworthy.handover import GateOutcome, Outcome

BEHAVIOUR_GATE = "behaviour: "


def behaviour_outcomes(results: Sequence[BehaviouralResult]) -> list[GateOutcome]:
    """Return one outcome per test; its value is the share of rows that break the rule."""
    return [_gate_outcome(result) for result in results]


def _gate_outcome(result: BehaviouralResult) -> GateOutcome:
    outcome, reason = _outcome_and_reason(result)
    return GateOutcome(
        gate=f"{BEHAVIOUR_GATE}{result.name}",
        outcome=outcome,
        value=result.share if result.rows else None,
        threshold=result.allowed,
        n=result.rows,
        reason=reason,
    )


def _outcome_and_reason(result: BehaviouralResult) -> tuple[Outcome, str]:
    if result.rows < result.min_rows:
        rows = f"only {result.rows} rows to try, {result.min_rows} required"
        return "inconclusive", f"{result.rule}: {rows}"
    count = f"{result.violations:,} of {result.rows:,} rows break it"
    share = f"({result.share:.2%}, at most {result.allowed:.2%})"
    example = f"; most: {result.example}" if result.example else ""
    outcome: Outcome = "pass" if result.share <= result.allowed else "fail"
    return outcome, f"{result.rule}: {count} {share}{example}"
