"""The next action of a rollout step, by ledger, flags and registry. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.handover import GuardedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import DONE, RolloutEnded, RolloutStep
from airworthy.release.release_record import (
    last_begun_step,
    rollout_end,
    step_entry,
    step_name,
)
from airworthy.release.rollout_flags import Rollout

# A run ends its step when the step's time is over. After this delay, the run no longer guards it.
ABANDONED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class StepContext:
    """The state of a poll: ledger, flags, current champion, run and step. Times are UTC."""

    entries: Sequence[Entry]
    flags: Rollout | None
    champion: str | None
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
    """The rollout is under way and must end, without the guard."""

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
    if context.champion is None:
        return Skip("there is no champion yet")
    if context.champion == version:
        return Skip("it is the champion")
    flags = context.flags
    if flags is not None and is_own(flags, run_id, version):
        return _continue_own(context, flags, context.champion)
    begun = last_begun_step(entries, run_id, version)
    if begun is not None:
        return Stop(begun, "somebody took its flags away")
    if flags is None or is_abandoned(flags, context.champion, context.bake, context.now):
        return Begin(context.champion, flags)
    return Wait(
        f"run {flags.run_id} is rolling out version {flags.challenger} ({step_name(flags.step)})"
    )


def _continue_own(context: StepContext, flags: Rollout, champion: str) -> Action:
    if flags.champion != champion:
        return Stop(
            flags, f"version {champion} became champion meanwhile, it was version {flags.champion}"
        )
    return EvaluateGuard(flags) if flags.step == context.step else Begin(champion, flags)


def is_own(flags: Rollout, run_id: str, version: str) -> bool:
    """Return whether the flags are of this run's rollout of this version.

    Args:
        flags: The rollout in the flags.
        run_id: The run.
        version: The version.
    """
    return (flags.run_id, flags.challenger) == (run_id, version)


def is_abandoned(flags: Rollout, champion: str, bake: timedelta, now: datetime) -> bool:
    """Return whether no run guards a rollout any more.

    Args:
        flags: The rollout in the flags.
        champion: The current champion. With another champion, the rollout is abandoned.
        bake: The duration of a step. `ABANDONED_AFTER` its end, the rollout is abandoned.
        now: The current time, UTC.
    """
    return flags.champion != champion or now > flags.since + bake + ABANDONED_AFTER
