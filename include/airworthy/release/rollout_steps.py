"""What one look at a step of a rollout has to do, by what the ledger, the flags and the registry say. A pure answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.handover import WatchedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import DONE, RolloutEnded, RolloutStep
from airworthy.release.release_record import ended, last_begun, step_entry, step_name
from airworthy.release.rollout_flags import Rollout

# A run that watches its step ends it when its time is over. One that has not for so long watches no more.
ABANDONED_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Situation:
    """Where a look finds things: ledger, flags, the champion of this moment, who looks at which step. Times in UTC."""

    entries: Sequence[Entry]
    flags: Rollout | None
    champion: str | None
    run_id: str
    version: str
    step: WatchedStep
    bake: timedelta
    now: datetime


@dataclass(frozen=True)
class Recorded:
    """The step is done, or the rollout was ended: this entry says so."""

    entry: Entry[RolloutStep | RolloutEnded]


@dataclass(frozen=True)
class Skip:
    """There is no other version that the challenger could be watched against."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Another run rolls out a version of this model."""

    reason: str


@dataclass(frozen=True)
class Begin:
    """Begin the step, after the rollout `before`: an earlier step of this one, or another run's left behind."""

    champion: str
    before: Rollout | None


@dataclass(frozen=True)
class Watch:
    """The step is on: judge what was seen."""

    rollout: Rollout


@dataclass(frozen=True)
class Stop:
    """The rollout is on and must not go on, whatever the guard says."""

    rollout: Rollout
    reason: str


Move = Recorded | Skip | Wait | Begin | Watch | Stop


def next_move(found: Situation) -> Move:
    """Return what a look has to do."""
    entries, run_id, version = found.entries, found.run_id, found.version
    entry = ended(entries, run_id, version) or step_entry(
        entries, run_id, version, found.step, DONE
    )
    if entry is not None:
        return Recorded(entry)
    if found.champion is None or found.champion == version:
        return Skip("there is no champion yet" if found.champion is None else "it is the champion")
    flags = found.flags
    if flags is not None and is_own(flags, run_id, version):
        return _go_on(found, flags, found.champion)
    begun = last_begun(entries, run_id, version)
    if begun is not None:
        return Stop(begun, "somebody took its flags away")
    if flags is None or left_behind(flags, found.champion, found.bake, found.now):
        return Begin(found.champion, flags)
    return Wait(
        f"run {flags.run_id} is rolling out version {flags.challenger} ({step_name(flags.step)})"
    )


def _go_on(found: Situation, flags: Rollout, champion: str) -> Move:
    if flags.champion != champion:
        return Stop(
            flags, f"version {champion} became champion meanwhile, it was version {flags.champion}"
        )
    return Watch(flags) if flags.step == found.step else Begin(champion, flags)


def is_own(flags: Rollout, run_id: str, version: str) -> bool:
    """Return whether this run's rollout of this version is what the flags say."""
    return (flags.run_id, flags.challenger) == (run_id, version)


def left_behind(flags: Rollout, champion: str, bake: timedelta, now: datetime) -> bool:
    """Return whether nobody watches a rollout any more: its step should have ended long ago, or its champion has."""
    return flags.champion != champion or now > flags.since + bake + ABANDONED_AFTER
