"""Queries of the ledger: the version at a moment, and the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.ledger_queries import parse_moment, rolled_back, served_at

from .notes import Note

START = datetime(2026, 3, 1, tzinfo=UTC)


def entry(sequence: int, seconds: float, kind: str, run_id: str = "r", **content: object) -> Entry:
    """Return an entry so many seconds after the start, without its real hash.

    Args:
        sequence: Its number.
        seconds: After the start.
        kind: Of the event.
        run_id: The run's id.
        **content: The event's payload.
    """
    time = (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    return Entry(
        sequence, f"{kind}:{sequence}", time, kind, "m", run_id, "ada", json.dumps(content), "", ""
    )


steps = st.lists(
    st.tuples(
        st.integers(0, 50),
        st.sampled_from(["alias_move", "verdict", "rollback_started"]),
        st.integers(1, 5),
    ),
    max_size=30,
)


@given(steps, st.integers(-5, 800))
def test_the_answer_at_any_time_is_the_last_move_before_it(
    moves: list[tuple[int, str, int]], second: int
) -> None:
    """For any ledger and any time: the version of the last alias move not after it, until the next
    one; else none.
    """
    entries: list[Entry] = []
    clock, expected, until = 0, None, None
    for index, (pause, kind, version) in enumerate(moves, start=1):
        clock += pause
        entries.append(
            entry(index, clock, kind, **{"to": str(version), "from": "9", "outcome": "pass"})
        )
        if kind == "alias_move" and clock <= second:
            expected = entries[-1]
        elif kind == "alias_move" and until is None:
            until = entries[-1].time
    period = served_at(entries, START + timedelta(seconds=second))
    if expected is None:
        assert period is None
    else:
        assert period is not None
        assert (period.version, period.since, period.until) == (
            expected.content["to"],
            expected.time,
            until,
        )


def test_the_answer_carries_its_evidence() -> None:
    """Person, run, digests, and the verdict of the run that registered the version gone back to."""
    entries = [
        entry(1, 0, "verdict", "a", outcome="pass", reasons=[]),
        entry(2, 1, "registration", "a", version="1"),
        entry(
            3, 2, "alias_move", "a", to="1", dataset_digest="d1", bundle_digest="b1", reason="first"
        ),
        entry(4, 3, "verdict", "b", outcome="inconclusive", reasons=["rmse: too few rows"]),
        entry(5, 4, "registration", "b", version="2"),
        entry(
            6,
            5,
            "alias_move",
            "b",
            to="2",
            dataset_digest="d2",
            bundle_digest="b2",
            reason="second",
        ),
        entry(
            7,
            6,
            "alias_move",
            "back",
            to="1",
            dataset_digest="d1",
            bundle_digest="b1",
            reason="rollback",
        ),
    ]
    second, first = (
        served_at(entries, START + timedelta(seconds=5)),
        served_at(entries, START + timedelta(days=1)),
    )
    assert second is not None
    assert first is not None
    assert (second.version, second.run_id, second.who, second.until) == (
        "2",
        "b",
        "ada",
        entries[6].time,
    )
    assert second.evidence["verdict_reasons"] == ["rmse: too few rows"]
    assert (first.version, first.reason, first.until) == ("1", "rollback", None)
    assert (first.evidence["verdict"], first.evidence["bundle_digest"]) == ("pass", "b1")


def test_a_version_is_rolled_back_until_it_is_brought_back() -> None:
    """A rollback marks the version it leaves; a later move to it takes the mark away."""
    remaining = [
        entry(1, 0, "rollback_started", **{"from": "2", "to": "1"}),
        entry(2, 1, "alias_move", to="1"),
    ]
    assert rolled_back(remaining) == {"2"}
    assert rolled_back([*remaining, entry(3, 2, "alias_move", to="2")]) == set()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-20", "2026-03-20T00:00:00+00:00"),
        ("2026-03-20T08:30:00", "2026-03-20T08:30:00+00:00"),
        ("2026-03-20T08:30:00+02:00", "2026-03-20T06:30:00+00:00"),
    ],
)
def test_times_are_utc(text: str, moment: str) -> None:
    """A day is its first moment; a time without an offset is UTC, one with an offset keeps it."""
    assert parse_moment(text).isoformat() == moment


def test_no_time_is_named() -> None:
    """A bad time is refused with a good one."""
    with pytest.raises(TerminalError, match="not a time"):
        parse_moment("yesterday")


@given(
    st.lists(
        st.sampled_from(["a", "b" * 90, "b" * 90 + "c", "ü" * 70, "ü" * 69 + "z", "~", "😀" * 40]),
        max_size=6,
    )
)
def test_an_id_is_found_however_long_it_is(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
) -> None:
    """The table's log cuts long texts short: an entry is found again all the same, and appended
    once.
    """
    from filelock import FileLock

    from airworthy.ledger.ledger import Ledger

    folder = tmp_path_factory.mktemp("ledger")
    book = Ledger(str(folder / "ledger"), "m", FileLock(folder / "lock"))
    for name in ids:
        book.append(Note(name=name), run_id="run", who="who")
    assert [period.entry_id for period in book.entries()] == list(dict.fromkeys(ids))
    assert book.first_broken_entry() is None


def test_looking_at_a_compacted_ledger(environment: Environment) -> None:
    """Several entries in one file: the last one is followed and a repeated one is found."""
    from deltalake import DeltaTable

    book = open_ledger(environment, "m")
    for number in range(5):
        book.append(Note(name=f"v{number}"), run_id="run", who="who")
    DeltaTable(book.uri).optimize.compact()
    book.append(Note(name="v2"), run_id="run", who="who")
    book.append(Note(name="v9"), run_id="run", who="who")
    assert [period.entry_id for period in book.entries()] == ["v0", "v1", "v2", "v3", "v4", "v9"]
    assert book.first_broken_entry() is None
