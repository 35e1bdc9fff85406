"""The ledger's record of a run's release: rollout steps, end. Pure.

Entries are a model's ledger, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from airworthy.handover import GuardedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    BEGUN,
    DONE,
    GuardTrip,
    LedgerEvent,
    RolloutEnded,
    RolloutStep,
    RolloutStopped,
)
from airworthy.ledger.ledger_queries import alias_moves, of_kind
from airworthy.traffic import Rollout

_Event = TypeVar("_Event", bound=LedgerEvent)


def entries_of(
    entries: Sequence[Entry], run_id: str, version: str, *kinds: type[_Event]
) -> list[Entry[_Event]]:
    """Return a run's entries about a version, of these kinds.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        version: The version.
        *kinds: The event classes.
    """
    return [
        entry
        for entry in of_kind(entries, *kinds)
        if entry.run_id == run_id and entry.event.subject == version
    ]


def rollout_end(entries: Sequence[Entry], run_id: str, version: str) -> Entry[RolloutEnded] | None:
    """Return the entry of a run's rollout that ended early; None when it did not.

    The guard, a person or another run ended it.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        version: The version under rollout.
    """
    ends: list[Entry[RolloutEnded]] = entries_of(
        entries, run_id, version, GuardTrip, RolloutStopped
    )
    return ends[-1] if ends else None


def step_entry(
    entries: Sequence[Entry], run_id: str, version: str, step: GuardedStep, state: str
) -> Entry[RolloutStep] | None:
    """Return the entry of a rollout step; None when there is none.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        version: The version under rollout.
        step: The step.
        state: ``begun`` or ``done``.
    """
    steps = entries_of(entries, run_id, version, RolloutStep)
    return next(
        (entry for entry in steps if (entry.event.step, entry.event.state) == (step, state)), None
    )


def unended_rollout(entries: Sequence[Entry], run_id: str, version: str) -> Rollout | None:
    """Return the last step of a run's rollout, unless an end or a promotion is recorded after it.

    The ledger may give it no traffic any more: another version became champion meanwhile, or a
    rollback took the traffic away.

    Args:
        entries: The model's ledger, oldest first.
        run_id: The run.
        version: The version under rollout.
    """
    if rollout_end(entries, run_id, version) is not None:
        return None
    steps = entries_of(entries, run_id, version, RolloutStep)
    begun = [entry for entry in steps if entry.event.state == BEGUN]
    if not begun or _is_promoted_after(entries, version, begun[-1].sequence):
        return None
    last = begun[-1].event
    if last.champion is None or last.since is None:
        return None
    return Rollout(
        champion=last.champion,
        challenger=version,
        step=last.step,
        since=last.since,
        run_id=run_id,
        bundle_digest=last.bundle_digest,
        entry=begun[-1].sequence,
    )


def running_rollout(entries: Sequence[Entry]) -> Rollout | None:
    """Return a model's last rollout, unless an end or a promotion is recorded after it."""
    begun = [entry for entry in of_kind(entries, RolloutStep) if entry.event.state == BEGUN]
    if not begun:
        return None
    return unended_rollout(entries, begun[-1].run_id, begun[-1].event.version)


def _is_promoted_after(entries: Sequence[Entry], version: str, sequence: int) -> bool:
    return any(
        move.event.to == version for move in alias_moves(entries) if move.sequence > sequence
    )


def rollout_blockers(
    entries: Sequence[Entry],
    steps: Sequence[GuardedStep],
    run_id: str,
    version: str,
    bundle_digest: str,
) -> list[str]:
    """Return the reasons against the rollout in the ledger; empty when all steps are done.

    Args:
        entries: The model's ledger, oldest first.
        steps: The steps.
        run_id: The run. Steps of another run do not count.
        version: The version under rollout.
        bundle_digest: The digest of the registered files. Steps with other files do not count.
    """
    end = rollout_end(entries, run_id, version)
    if end is not None:
        return [f"its rollout was ended: {reason}" for reason in end.event.reasons]
    done = [step_entry(entries, run_id, version, step, DONE) for step in steps]
    return [
        f"the ledger does not show that the step {step_name(step)} of its rollout ended well"
        for step, entry in zip(steps, done, strict=True)
        if entry is None or entry.event.bundle_digest != bundle_digest
    ]


def step_name(step: GuardedStep) -> str:
    """Return the name of a rollout step for people.

    >>> step_name("shadow"), step_name(10)
    ('shadow', '10 %')
    """
    return str(step) if step == "shadow" else f"{step} %"
