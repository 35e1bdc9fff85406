"""What the ledger says of a run's release: approved, watched, or ended. Pure answers; entries come oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from airworthy.handover import WatchedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    BEGUN,
    DONE,
    ApprovalAnswered,
    GuardTrip,
    LedgerEvent,
    RolloutEnded,
    RolloutStep,
    RolloutStopped,
)
from airworthy.ledger.ledger_queries import alias_moves, of_kind
from airworthy.release.release_rules import ReleaseRules
from airworthy.release.rollout_flags import Rollout

_Event = TypeVar("_Event", bound=LedgerEvent)


def entries_of(
    entries: Sequence[Entry], run_id: str, version: str, *kinds: type[_Event]
) -> list[Entry[_Event]]:
    """Return a run's entries about a version, of these kinds."""
    return [
        entry
        for entry in of_kind(entries, *kinds)
        if entry.run_id == run_id and entry.event.subject == version
    ]


def ended(entries: Sequence[Entry], run_id: str, version: str) -> Entry[RolloutEnded] | None:
    """Return what ended a run's rollout of a version before its time: the guard, or a person or another run."""
    found: list[Entry[RolloutEnded]] = entries_of(
        entries, run_id, version, GuardTrip, RolloutStopped
    )
    return found[-1] if found else None


def step_entry(
    entries: Sequence[Entry], run_id: str, version: str, step: WatchedStep, state: str
) -> Entry[RolloutStep] | None:
    """Return the record of a step.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        version: The version that it rolls out.
        step: The step.
        state: ``begun`` or ``done``.
    """
    steps = entries_of(entries, run_id, version, RolloutStep)
    return next(
        (entry for entry in steps if (entry.event.step, entry.event.state) == (step, state)), None
    )


def last_begun(entries: Sequence[Entry], run_id: str, version: str) -> Rollout | None:
    """Return the last step of a run's rollout that was begun, as its flags were."""
    for entry in reversed(entries_of(entries, run_id, version, RolloutStep)):
        last = entry.event
        if last.state == BEGUN and last.champion is not None and last.since is not None:
            return Rollout(last.champion, version, last.step, last.since, run_id)
    return None


def unended(entries: Sequence[Entry]) -> Rollout | None:
    """Return the last rollout of a model that was begun, if nothing ended it: no stop, and no promotion."""
    begun = [entry for entry in of_kind(entries, RolloutStep) if entry.event.state == BEGUN]
    if not begun:
        return None
    run_id, version = begun[-1].run_id, begun[-1].event.version
    later = [move for move in alias_moves(entries) if move.sequence > begun[-1].sequence]
    over = ended(entries, run_id, version) is not None or any(
        move.event.to == version for move in later
    )
    return None if over else last_begun(entries, run_id, version)


def not_approved(
    entries: Sequence[Entry], rules: ReleaseRules, run_id: str, version: str, bundle_digest: str
) -> list[str]:
    """Return why the ledger does not hold the approval that the rules ask for: of these files, by this run."""
    if rules.approval != "required":
        return []
    answers = entries_of(entries, run_id, version, ApprovalAnswered)
    if not answers:
        return ["the ledger has no approval of it by this run"]
    last = answers[-1].event
    if last.decision == "timeout":
        return ["nobody approved it in time"]
    if last.decision != "approve":
        said = f": {last.comment}" if last.comment else ""
        return [f"{answers[-1].who} rejected it{said}"]
    if last.bundle_digest != bundle_digest:
        return [
            f"other files of it were approved: digest {last.bundle_digest}, and not {bundle_digest}"
        ]
    return []


def not_watched(
    entries: Sequence[Entry],
    steps: Sequence[WatchedStep],
    run_id: str,
    version: str,
    bundle_digest: str,
) -> list[str]:
    """Return why the ledger does not show that these steps of the rollout ended well: with these files, in this run."""
    end = ended(entries, run_id, version)
    if end is not None:
        return [f"its rollout was ended: {reason}" for reason in end.event.reasons]
    done = [step_entry(entries, run_id, version, step, DONE) for step in steps]
    return [
        f"the ledger does not show that the step {step_name(step)} of its rollout ended well"
        for step, entry in zip(steps, done, strict=True)
        if entry is None or entry.event.bundle_digest != bundle_digest
    ]


def step_name(step: WatchedStep) -> str:
    """Return ``shadow`` or ``10 %``."""
    return str(step) if step == "shadow" else f"{step} %"
