"""The record of a retraining decision, from a window's checks, the ledger and the tags. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airworthy.days import floor_day
from airworthy.handover import (
    DataCheck,
    DriftDecision,
    PerformanceCheck,
    ShiftCheck,
    Signal,
    SignalOutcome,
    StageOutput,
    WindowSignals,
)
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.monitoring.follow_ups import find_follow_ups
from airworthy.monitoring.history import (
    blind_windows,
    champion_failing,
    decisions,
    earlier_windows,
    last_retrained,
    refused_in_a_row,
    trained_versions,
)
from airworthy.monitoring.retraining_rule import (
    RetrainingInputs,
    RetrainingResult,
    evaluate_retraining,
)
from airworthy.registry.tags import AS_OF

# Paths are left out of digests: another run with the same results has other paths.
_PATHS: Any = {"evidence": True, "report": True, "label": {"evidence", "report"}}


class Checks(NamedTuple):
    """The outputs of the checks on one window."""

    data: DataCheck
    skew: ShiftCheck
    drift: ShiftCheck
    performance: PerformanceCheck

    @property
    def signals(self) -> dict[Signal, SignalOutcome]:
        """The outcome of each signal."""
        return {
            "skew": self.skew.outcome,
            "drift": self.drift.outcome,
            "label": self.performance.label.outcome,
            "loss": self.performance.outcome,
        }

    @property
    def words(self) -> dict[Signal, str]:
        """The outcome of each signal in words."""
        return {
            "skew": self.skew.words,
            "drift": self.drift.words,
            "label": self.performance.label.words,
            "loss": self.performance.words,
        }


def build_decision(
    job: Job, checks: Checks, entries: Sequence[Entry], tags: Mapping[str, Mapping[str, str]]
) -> DriftDecision:
    """Decide on a window, and build the record of the decision with all of its inputs.

    Args:
        job: Gives the rules and the path of the evidence.
        checks: The checks on the window.
        entries: The model's ledger, oldest first.
        tags: Registered version -> its tags.
    """
    live, rules = checks.data.window, job.spec.monitor.retrain
    versions = trained_versions(tags)
    inputs = RetrainingInputs(
        windows=_windows(checks, entries),
        last_retrained=last_retrained(entries, versions),
        rejected_in_a_row=refused_in_a_row(entries, versions),
        champion_failing=champion_failing(entries, live.champion),
        follow_ups=find_follow_ups(decisions(entries), job.spec, live.end),
    )
    result = (
        evaluate_retraining(inputs, rules)
        if inputs.windows
        else RetrainingResult("inconclusive", None, "there is no champion")
    )
    blind = _blind_windows(checks, result, entries)
    fields: dict[str, Any] = {
        "model": live.model,
        "champion": live.champion,
        "champion_as_of": tags.get(live.champion or "", {}).get(AS_OF),
        "window_start": live.start,
        "window_end": live.end,
        "signals": checks.signals,
        "words": checks.words,
        "inputs": {name: _digest(check) for name, check in checks._asdict().items()},
        "windows": inputs.windows[-2 * rules.persist.of :],
        "last_retrained": inputs.last_retrained,
        "rejected_in_a_row": inputs.rejected_in_a_row,
        "blind_windows": len(blind),
        "blind_since": blind[0] if blind else None,
        "rules": rules.model_dump(mode="json"),
        "outcome": result.outcome,
        "told": _blind_words(checks, blind) if blind else result.words,
        "reason": result.reason,
        "follows": result.follows,
        "train_as_of": floor_day(live.end),
    }
    return _with_digest(fields, job.evidence.address("decision.json"))


def _windows(checks: Checks, entries: Sequence[Entry]) -> list[WindowSignals]:
    """Return the champion's windows, the live window last; none without a champion."""
    live = checks.data.window
    if live.champion is None:
        return []
    current = WindowSignals(end=live.end, champion=live.champion, signals=checks.signals)
    return [*earlier_windows(entries, live.champion, live.end), current]


def _blind_windows(
    checks: Checks, result: RetrainingResult, entries: Sequence[Entry]
) -> list[datetime]:
    """Return the ends of the windows in a row in which nothing could be judged, this one last."""
    live = checks.data.window
    if result.outcome != "inconclusive" or live.champion is None:
        return []
    return [*blind_windows(entries, live.end), live.end]


def _blind_words(checks: Checks, blind: Sequence[datetime]) -> str:
    reasons = "; ".join(dict.fromkeys([checks.skew.words, checks.performance.words]))
    row = f", nor in the {len(blind) - 1} windows before" if len(blind) > 1 else ""
    return f"nothing could be judged{row}: {reasons}; airworthy check proposes a window"


def _with_digest(fields: dict[str, Any], evidence: str) -> DriftDecision:
    """Return the decision with its digest, and with the run id of the training it triggers."""
    decision = DriftDecision(
        **fields, digest="", trigger=False, train_run_id=None, evidence=evidence
    )
    digest = _digest(decision)
    trigger = decision.outcome == "retrain"
    run_id = (
        train_run_id(decision.model, str(decision.reason), decision.window_end, digest)
        if trigger
        else None
    )
    return decision.model_copy(
        update={"digest": digest, "trigger": trigger, "train_run_id": run_id}
    )


def train_run_id(model: str, reason: str, window_end: datetime, digest: str) -> str:
    """Return the run id of a triggered training. It leads from the run back to the decision.

    Args:
        model: The model.
        reason: The reason for retraining.
        window_end: Exclusive end of the live window.
        digest: SHA-256 of the decision.

    >>> train_run_id("parcels", "drift", datetime(2026, 3, 20, tzinfo=UTC), "0123456789abcdef")
    'drift__parcels__2026-03-20T00:00__0123456789ab'
    """
    return f"{reason}__{model}__{window_end.astimezone(UTC):%Y-%m-%dT%H:%M}__{digest[:12]}"


def _digest(result: StageOutput) -> str:
    content = result.model_dump(mode="json", exclude=_PATHS)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
