"""From the checks on a window, the ledger and the registry to the decision's record. Pure."""

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
    Ref,
    ShiftCheck,
    Signal,
    SignalOutcome,
    WindowSignals,
)
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.monitoring.history import (
    last_retrained,
    refused_in_a_row,
    trained_versions,
    windows_before,
)
from airworthy.monitoring.retraining_rule import Decided, Seen, decide_retraining
from airworthy.registry.tags import AS_OF

# Where something is kept is no part of what was found: another run finds the same.
_PLACES: Any = {"evidence": True, "report": True, "label": {"evidence", "report"}}


class Checks(NamedTuple):
    """What the checks on one window handed over."""

    data: DataCheck
    skew: ShiftCheck
    drift: ShiftCheck
    performance: PerformanceCheck

    @property
    def signals(self) -> dict[Signal, SignalOutcome]:
        """What each signal said."""
        return {
            "skew": self.skew.outcome,
            "drift": self.drift.outcome,
            "label": self.performance.label.outcome,
            "loss": self.performance.outcome,
        }

    @property
    def words(self) -> dict[Signal, str]:
        """What each signal said, in words."""
        return {
            "skew": self.skew.words,
            "drift": self.drift.words,
            "label": self.performance.label.words,
            "loss": self.performance.words,
        }


def make_decision(
    job: Job, checks: Checks, entries: Sequence[Entry], tags: Mapping[str, Mapping[str, str]]
) -> DriftDecision:
    """Decide on a window and put together everything that the decision rests on.

    Args:
        job: Gives the rules and the place of the evidence.
        checks: What was found.
        entries: The model's ledger, oldest first.
        tags: The tags of the model's registered versions, by version.
    """
    live, rules = checks.data.window, job.spec.monitor.retrain
    trained = trained_versions(tags)
    windows = _windows(checks, entries)
    seen = Seen(windows, last_retrained(entries, trained), refused_in_a_row(entries, trained))
    found = (
        decide_retraining(seen, rules)
        if windows
        else Decided("inconclusive", None, "there is no champion")
    )
    as_of = tags.get(live.champion or "", {}).get(AS_OF)
    facts: dict[str, Any] = {
        "model": live.model,
        "champion": live.champion,
        "champion_as_of": as_of,
        "window_start": live.start,
        "window_end": live.end,
        "signals": checks.signals,
        "words": checks.words,
        "inputs": {name: _digest(check) for name, check in checks._asdict().items()},
        "windows": windows[-2 * rules.persist.of :],
        "last_retrained": seen.last_retrained,
        "rejected_in_a_row": seen.rejected_in_a_row,
        "rules": rules.model_dump(mode="json"),
        "outcome": found.outcome,
        "told": found.words,
        "reason": found.reason,
        "train_as_of": floor_day(live.end),
    }
    return _sealed(facts, str(job.evidence / "decision.json"))


def _windows(checks: Checks, entries: Sequence[Entry]) -> list[WindowSignals]:
    live = checks.data.window
    if live.champion is None:
        return []
    current = WindowSignals(end=live.end, champion=live.champion, signals=checks.signals)
    return [*windows_before(entries, live.champion, live.end), current]


def _sealed(facts: dict[str, Any], evidence: str) -> DriftDecision:
    unsealed = DriftDecision(
        **facts, digest="", trigger=False, train_run_id=None, evidence=evidence
    )
    digest = _digest(unsealed)
    trigger = unsealed.outcome == "retrain"
    run_id = (
        train_run_id(unsealed.model, str(unsealed.reason), unsealed.window_end, digest)
        if trigger
        else None
    )
    return unsealed.model_copy(
        update={"digest": digest, "trigger": trigger, "train_run_id": run_id}
    )


def train_run_id(model: str, reason: str, window_end: datetime, digest: str) -> str:
    """Return the run id of the training that a decision asks for: it leads from all that the run leaves to this."""
    return f"{reason}__{model}__{window_end.astimezone(UTC):%Y-%m-%dT%H:%M}__{digest[:12]}"


def _digest(found: Ref) -> str:
    content = found.model_dump(mode="json", exclude=_PLACES)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
