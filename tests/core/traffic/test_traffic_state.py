"""The traffic is a pure function of the ledger, and few entries of a long ledger decide about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airworthy.environment import Environment
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import (
    AliasMove,
    CandidateDropped,
    CandidateNamed,
    GuardTrip,
    LedgerEvent,
    Retirement,
    RollbackStarted,
    RolloutStep,
    RolloutStopped,
    StagingCheck,
)
from airworthy.ledger.ledger_follower import LedgerFollower
from airworthy.ledger.traffic_entries import needed_sequences
from airworthy.traffic.traffic_state import Traffic, following_traffic, traffic_of

START = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS = st.sampled_from("1234")
RUNS = st.sampled_from(["run-a", "run-b"])


def entry_of(sequence: int, event: LedgerEvent, run_id: str) -> Entry:
    """Return an entry outside any chain."""
    return Entry(
        sequence=sequence,
        entry_id=f"{event.entry_id(run_id)}",
        time=(START + timedelta(minutes=sequence)).isoformat(),
        kind=event.kind,
        model="m",
        run_id=run_id,
        who="who",
        payload=json.dumps(event.payload),
        previous_hash="",
        hash="",
    )


@st.composite
def _events(draw: st.DrawFn) -> tuple[LedgerEvent, str]:
    version, other = draw(VERSIONS), draw(VERSIONS)
    purpose = draw(st.sampled_from(["staging", "release", "rollback"]))
    number = draw(st.integers(0, 20))
    event: LedgerEvent = draw(
        st.sampled_from(
            [
                AliasMove(to=version, from_=other, moves_before=number, bundle_digest="d"),
                RolloutStep(version=version, step=10, state="begun", champion=other, since=START),
                RolloutStep(version=version, step=10, state="done", champion=other, since=START),
                GuardTrip(version=version, step=10),
                RolloutStopped(version=version, step=10),
                RollbackStarted(from_=version, to=other, withdraws=True),
                CandidateNamed(
                    version=version,
                    purpose=purpose,
                    bundle_digest="d",
                    server="production",
                    named_before=number,
                ),
                CandidateDropped(version=version, purpose=purpose, named_by=number),
                StagingCheck(version=version, passed=True),
                Retirement(from_version=version, reason="no longer needed"),
            ]
        )
    )
    return event, draw(RUNS)


def _entries(events: list[tuple[LedgerEvent, str]]) -> list[Entry]:
    return [entry_of(n, event, run) for n, (event, run) in enumerate(events, start=1)]


@given(st.lists(_events(), max_size=30))
def test_needed_entries_give_the_traffic_of_the_whole_ledger(
    events: list[tuple[LedgerEvent, str]],
) -> None:
    """The entries that a server reads at its start decide the same as all of them."""
    entries = _entries(events)
    needed = needed_sequences([(entry.sequence, entry.entry_id) for entry in entries], after=0)
    selected = [entry for entry in entries if entry.sequence in needed]
    assert traffic_of(selected) == traffic_of(entries)


@given(st.lists(_events(), max_size=30), st.integers(0, 30))
def test_a_follower_that_looks_at_any_time_comes_to_the_same_traffic(
    events: list[tuple[LedgerEvent, str]], looked: int
) -> None:
    """A look in the middle, and a second one at the end, give the traffic of one look."""
    entries = _entries(events)
    traffic, after = Traffic(), 0
    for known in (entries[:looked], entries):
        ids = [(entry.sequence, entry.entry_id) for entry in known]
        needed = needed_sequences(ids, after)
        for entry in known:
            if entry.sequence in needed:
                traffic = following_traffic(traffic, entry)
        after = len(known)
    assert traffic == traffic_of(entries)


@given(st.lists(_events(), max_size=30))
def test_a_challenger_never_has_traffic_beside_another_champion(
    events: list[tuple[LedgerEvent, str]],
) -> None:
    """At every entry, the rollout is against the champion that answers."""
    entries = _entries(events)
    for count in range(len(entries) + 1):
        traffic = traffic_of(entries[:count])
        if traffic.rollout is not None:
            assert traffic.rollout.champion == traffic.champion_version


@given(st.lists(_events(), max_size=20))
def test_a_retired_model_has_no_traffic_until_a_champion_comes_back(
    events: list[tuple[LedgerEvent, str]],
) -> None:
    """Nothing serves after a retirement, whatever happens, until an alias moves."""
    for count in range(len(events) + 1):
        traffic = traffic_of(_entries(events[:count]))
        if traffic.retired is not None:
            assert traffic.champion is None
            assert traffic.rollout is None


def test_a_follower_reads_only_what_is_new(environment: Environment) -> None:
    """Each look returns the entries since the last one, whatever else the ledger holds."""
    ledger = open_ledger(environment, "m")
    follower = LedgerFollower(ledger.uri, "m")
    assert follower.new_entries() == []
    first = ledger.append(AliasMove(to="1", bundle_digest="d"), run_id="a", who="who")
    assert follower.new_entries() == [first]
    assert follower.new_entries() == []
    second = ledger.append(AliasMove(to="2", from_="1", moves_before=1), run_id="b", who="who")
    assert follower.new_entries() == [second]
