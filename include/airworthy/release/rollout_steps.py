"""The next action of a rollout step, by the ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.handover import GuardedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import DONE, RolloutEnded, RolloutStep
from airworthy.release.release_record import (
    rollout_end,
    step_entry,
    step_name,
    unended_rollout,
)
from airworthy.traffic import Rollout, Traffic

# A run ends its step when the step's time is over. After this delay, the run no longer guards it.
ABANDONED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class StepContext:
    """The state of a poll: ledger, current traffic, run and step. Times are UTC."""

    entries: Sequence[Entry]
    traffic: Traffic
    run_id: str
    version: str
    step: GuardedStep
    bake: timedelta
    now: datetime


@dataclass(frozen=True)
class AlreadyRecorded:
    """The step is done, or the rollout was ended: this entry records it."""

    entry: Entry[RolloutStep | RolloutEnded]


@dataclass(frozen=True)
class Skip:
    """There is no other version to compare the challenger with."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Another run rolls out a version of this model."""

    reason: str


@dataclass(frozen=True)
class Begin:
    """Begin the step, after the rollout `before`.

    `before` is an earlier step of this rollout, or the abandoned rollout of another run.
    """

    champion: str
    before: Rollout | None


@dataclass(frozen=True)
class EvaluateGuard:
    """The step is under way: evaluate the guard."""

    rollout: Rollout


@dataclass(frozen=True)
class Stop:
    """The rollout lost its traffic without a recorded end: record it."""

    rollout: Rollout
    reason: str


Action = AlreadyRecorded | Skip | Wait | Begin | EvaluateGuard | Stop


def next_action(context: StepContext) -> Action:
    """Return the next action of a step."""
    entries, run_id, version = context.entries, context.run_id, context.version
    entry = rollout_end(entries, run_id, version) or step_entry(
        entries, run_id, version, context.step, DONE
    )
    if entry is not None:
        return AlreadyRecorded(entry)
    champion, rollout = context.traffic.champion_version, context.traffic.rollout
    if champion is None:
        return Skip("there is no champion yet")
    if champion == version:
        return Skip("it is the champion")
    if rollout is not None and is_own(rollout, run_id, version):
        is_begun = rollout.step == context.step
        return EvaluateGuard(rollout) if is_begun else Begin(champion, rollout)
    unended = unended_rollout(entries, run_id, version)
    if unended is not None:
        return Stop(unended, _loss_of_traffic(unended, champion))
    if rollout is None or is_abandoned(rollout, context.bake, context.now):
        return Begin(champion, rollout)
    return Wait(
        f"run {rollout.run_id} is rolling out version {rollout.challenger} "
        f"({step_name(rollout.step)})"
    )


def _loss_of_traffic(rollout: Rollout, champion: str) -> str:
    """Return the reason that a rollout has no traffic any more."""
    if champion == rollout.champion:
        return "a rollback took its traffic away"
    return f"version {champion} became champion meanwhile, it was version {rollout.champion}"


def is_own(rollout: Rollout, run_id: str, version: str) -> bool:
    """Return whether a rollout is this run's rollout of this version.

    Args:
        rollout: The rollout.
        run_id: The run.
        version: The version.
    """
    return (rollout.run_id, rollout.challenger) == (run_id, version)


def is_abandoned(rollout: Rollout, bake: timedelta, now: datetime) -> bool:
    """Return whether no run guards a rollout any more.

    Args:
        rollout: The rollout.
        bake: The duration of a step. `ABANDONED_AFTER` its end, the rollout is abandoned.
        now: The current time, UTC.
    """
    return now > rollout.since + bake + ABANDONED_AFTER
