"""The traffic of a model's versions: a pure function of its ledger's entries.

An alias move makes a champion and ends any rollout. A retirement takes all
traffic away. A begun step gives a challenger a share, or a shadow's copies. A trip or a stop takes
it away. A candidate is loaded without traffic. Entries of other kinds change nothing, so few
entries of a long ledger are needed; see `airworthy.ledger.traffic_entries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast

from airworthy.handover import GuardedStep
from airworthy.ledger import Entry
from airworthy.ledger.events import (
    AliasMove,
    CandidateDropped,
    CandidateNamed,
    CandidatePurpose,
    GuardTrip,
    Retirement,
    RollbackStarted,
    RolloutStep,
    RolloutStopped,
    ServerRole,
    StagingCheck,
)
from airworthy.ledger.traffic_entries import (
    MAX_CANDIDATES,
    is_followed_entry,
    is_traffic_entry,
)


@dataclass(frozen=True)
class ServedVersion:
    """A version, and the digest of its files; None: an old entry has no digest."""

    version: str
    bundle_digest: str | None


@dataclass(frozen=True)
class Rollout:
    """The current step of a rollout: shadow, or the challenger's percentage.

    Attributes:
        champion: The version that answers all other requests.
        challenger: The version under rollout.
        step: ``shadow``, or the challenger's percentage.
        since: The start of the step, UTC.
        run_id: The run of the rollout.
        bundle_digest: The digest of the challenger's files.
        entry: The sequence number of the step's entry.
    """

    champion: str
    challenger: str
    step: GuardedStep
    since: datetime
    run_id: str
    bundle_digest: str | None = None
    entry: int = 0


@dataclass(frozen=True)
class Candidate:
    """A version to be loaded by the servers of a role, without traffic.

    `entry` is the sequence number of the entry that named it.
    """

    version: str
    bundle_digest: str
    server: ServerRole
    purpose: CandidatePurpose
    run_id: str
    entry: int


@dataclass(frozen=True)
class Traffic:
    """The traffic of a model's versions.

    Attributes:
        champion: The version that answers; None: none was released yet, or the model is retired.
        retired: The entry of the model's retirement; None: it is not retired.
        since: The time of the champion's move, ISO 8601 in UTC.
        champion_entry: The sequence number of this move; 0 without one.
        watched_until: The end of the champion's watch, UTC; None: it is not watched.
        rollout: The step of the rollout under way, or None.
        candidates: Versions without traffic, oldest first.
        named: The sequence numbers of the last entries that named a candidate.
        decided: The sequence number of the last entry that decided about traffic; 0 without one.
            A decision is made against it.
        seen: The sequence number of the last entry that servers follow; 0 without one.
    """

    champion: ServedVersion | None = None
    retired: Entry[Retirement] | None = None
    since: str | None = None
    champion_entry: int = 0
    watched_until: datetime | None = None
    rollout: Rollout | None = None
    candidates: tuple[Candidate, ...] = ()
    named: tuple[int, ...] = ()
    decided: int = 0
    seen: int = 0

    @property
    def champion_version(self) -> str | None:
        """The champion's version, or None."""
        return self.champion.version if self.champion else None

    def candidate(self, run_id: str, version: str, purpose: CandidatePurpose) -> Candidate | None:
        """Return a run's candidate for a purpose, or None.

        Args:
            run_id: The run.
            version: The version.
            purpose: The purpose.
        """
        key = (run_id, version, purpose)
        matching = (c for c in self.candidates if (c.run_id, c.version, c.purpose) == key)
        return next(matching, None)

    def versions(self, server: ServerRole) -> tuple[ServedVersion, ...]:
        """Return the versions that a server of this role loads beside the champion."""
        wanted = [
            ServedVersion(candidate.version, candidate.bundle_digest)
            for candidate in self.candidates
            if candidate.server == server
        ]
        if self.rollout is not None:
            wanted.append(ServedVersion(self.rollout.challenger, self.rollout.bundle_digest))
        return tuple(dict.fromkeys(wanted))


def traffic_of(entries: Iterable[Entry]) -> Traffic:
    """Return the traffic by a ledger's entries, oldest first. Pure.

    Raises:
        TerminalError: when an entry about traffic cannot be read.
    """
    traffic = Traffic()
    for entry in entries:
        traffic = following_traffic(traffic, entry)
    return traffic


def following_traffic(traffic: Traffic, entry: Entry) -> Traffic:
    """Return the traffic after one more entry. Pure.

    Raises:
        TerminalError: when it is an entry about traffic that cannot be read.
    """
    if not is_followed_entry(entry.entry_id):
        return traffic
    if is_traffic_entry(entry.entry_id):
        traffic = replace(traffic, decided=entry.sequence)
    return _apply(replace(traffic, seen=entry.sequence), entry)


def _apply(traffic: Traffic, entry: Entry) -> Traffic:
    match entry.event:
        case AliasMove() as move:
            return _moved(traffic, entry, move)
        case Retirement():
            return Traffic(
                retired=cast("Entry[Retirement]", entry), decided=traffic.decided, seen=traffic.seen
            )
        case RolloutStep(state="begun") as step:
            return _begun(traffic, entry, step)
        case GuardTrip(version=version) | RolloutStopped(version=version):
            return _stopped(traffic, entry.run_id, version)
        case RollbackStarted(withdraws=True, from_=version):
            return _withdrawn(traffic, version)
        case CandidateNamed() as named:
            return _named(traffic, entry, named)
        case CandidateDropped(named_by=sequence):
            kept = tuple(each for each in traffic.candidates if each.entry != sequence)
            return replace(traffic, candidates=kept)
        case StagingCheck(version=version):
            return _without(traffic, entry.run_id, version, "staging")
    return traffic


def _moved(traffic: Traffic, entry: Entry, move: AliasMove) -> Traffic:
    kept = tuple(
        each for each in traffic.candidates if each.version != move.to or each.purpose == "staging"
    )
    return replace(
        traffic,
        champion=ServedVersion(move.to, move.bundle_digest),
        retired=None,
        since=entry.time,
        champion_entry=entry.sequence,
        watched_until=move.watched_until.astimezone(UTC) if move.watched_until else None,
        rollout=None,
        candidates=kept,
    )


def _begun(traffic: Traffic, entry: Entry, step: RolloutStep) -> Traffic:
    traffic = _without(traffic, entry.run_id, step.version, "release")
    # Older ledgers may have a step against a version that was champion no more.
    if step.since is None or step.champion is None or step.champion != traffic.champion_version:
        return traffic
    rollout = Rollout(
        champion=step.champion,
        challenger=step.version,
        step=step.step,
        since=step.since.astimezone(UTC),
        run_id=entry.run_id,
        bundle_digest=step.bundle_digest,
        entry=entry.sequence,
    )
    return replace(traffic, rollout=rollout)


def _stopped(traffic: Traffic, run_id: str, version: str) -> Traffic:
    rollout = traffic.rollout
    if rollout is None or (rollout.run_id, rollout.challenger) != (run_id, version):
        return traffic
    return replace(traffic, rollout=None)


def _withdrawn(traffic: Traffic, version: str) -> Traffic:
    rollout = traffic.rollout
    if rollout is None or rollout.challenger != version:
        return traffic
    return replace(traffic, rollout=None)


def _named(traffic: Traffic, entry: Entry, named: CandidateNamed) -> Traffic:
    candidate = Candidate(
        version=named.version,
        bundle_digest=named.bundle_digest,
        server=named.server,
        purpose=named.purpose,
        run_id=entry.run_id,
        entry=entry.sequence,
    )
    traffic = _without(traffic, entry.run_id, named.version, named.purpose)
    recent = (*traffic.named, entry.sequence)[-MAX_CANDIDATES:]
    kept = tuple(each for each in traffic.candidates if each.entry in recent)
    return replace(traffic, candidates=(*kept, candidate), named=recent)


def _without(traffic: Traffic, run_id: str, version: str, purpose: CandidatePurpose) -> Traffic:
    done = traffic.candidate(run_id, version, purpose)
    kept = tuple(each for each in traffic.candidates if each is not done)
    return replace(traffic, candidates=kept)


def candidates_before(entries: Sequence[Entry]) -> int:
    """Return how many candidates a ledger has named."""
    return sum(entry.kind == CandidateNamed.kind for entry in entries)
