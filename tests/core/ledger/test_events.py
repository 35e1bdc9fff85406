"""Events become entries and are read back; entries of earlier days are read as well."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, JsonValue

from airworthy.cli.ledger_lines import ledger_line
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import (
    EVENTS,
    AliasMove,
    LedgerEvent,
    Registration,
    RollbackStarted,
    UnknownEvent,
    VerdictReached,
)

from .stored import STORED


def entry(kind: str, payload: str, run_id: str = "run-1") -> Entry:
    """Return a stored entry.

    Args:
        kind: Of the event.
        payload: JSON.
        run_id: The run's id.
    """
    return Entry(
        1, f"{kind}:1", "2026-03-20T12:00:00.000+00:00", kind, "eta", run_id, "ada", payload, "", ""
    )


def as_read(event: LedgerEvent) -> LedgerEvent:
    """Return an event without its unstored parts."""
    left_out = {
        name: field.default for name, field in type(event).model_fields.items() if field.exclude
    }
    return event.model_copy(update=left_out)


def test_every_kind_of_event_is_among_those_that_were_stored() -> None:
    """No kind is left out below; kinds are stored, so none is ever renamed."""
    assert {event.kind for event, *_ in STORED} == set(EVENTS)
    assert list(EVENTS) == [
        "verdict",
        "registration",
        "candidate",
        "candidate_dropped",
        "staging",
        "approval",
        "rollout_step",
        "flag_override",
        "guard_trip",
        "rollout_stopped",
        "alias_move",
        "rollback_started",
        "rollback",
        "break_glass",
        "retirement",
        "artifacts_removed",
        "records_removed",
        "watch_trip",
        "watch_end",
        "rollback_drill",
        "drift_decision",
        "staleness",
        "alert",
        "adoption",
        "kill_switch",
        "promotion_started",
        "promotion_received",
        "promotion_completed",
    ]


@pytest.mark.parametrize(
    ("event", "run_id", "entry_id", "payload"), STORED, ids=[each[2] for each in STORED]
)
def test_an_event_is_stored_as_it_always_was(
    event: LedgerEvent, run_id: str, entry_id: str, payload: str
) -> None:
    """The same id, the same keys, the same bytes; and the stored entry is read as the same event."""
    assert event.entry_id(run_id) == entry_id
    assert json.dumps(event.payload, sort_keys=True) == payload
    assert entry(event.kind, payload).event == as_read(event)


def test_events_go_through_a_ledger(environment: Environment) -> None:
    """Appended events are found again, with the run and the person beside them."""
    ledger = open_ledger(environment, "eta")
    for event, run_id, entry_id, payload in STORED:
        appended = ledger.append(event, run_id=run_id, who="ada")
        assert (appended.entry_id, appended.payload, appended.run_id, appended.who) == (
            entry_id,
            payload,
            run_id,
            "ada",
        )
    assert [read.event for read in ledger.entries()] == [as_read(event) for event, *_ in STORED]
    assert ledger.first_broken_entry() is None


OLDER = [
    (
        "verdict",
        {"champion": None, "dataset_digest": "dd", "mlflow_run_id": "f00", "outcome": "pass", "reasons": []},
        VerdictReached(outcome="pass", reasons=[], champion=None, mlflow_run_id="f00", dataset_digest="dd"),
    ),
    (
        "registration",
        {"bundle_digest": "bb", "dataset_digest": "dd", "reason": "manual", "validation_status": "rejected",
         "version": "1"},
        Registration(
            version="1", validation_status="rejected", bundle_digest="bb", dataset_digest="dd", reason="manual"
        ),
    ),
    (
        "rollback_started",
        {"from": "2", "named": True, "reason": "late", "to": "1"},
        RollbackStarted(from_="2", to="1", reason="late", named=True),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "event"), OLDER, ids=[each[0] for each in OLDER])
def test_an_entry_from_before_there_was_a_key_is_read(
    kind: str, content: dict[str, Any], event: LedgerEvent
) -> None:
    """Keys missing in older entries have a default; the others keep their values."""
    read = entry(kind, json.dumps(content, sort_keys=True))
    assert read.event == event
    assert read.content == content


def test_an_entry_of_a_later_day_is_read() -> None:
    """An unknown key is left out of the event, and an unknown kind is an event with all its keys."""
    read = entry("alias_move", '{"colour": "red", "to": "3"}')
    assert read.event == AliasMove(to="3")
    assert read.content["colour"] == "red"
    moon = entry("moon_phase", '{"phase": "full", "version": 3}')
    assert moon.event == UnknownEvent("moon_phase", {"phase": "full", "version": 3})
    assert moon.event.subject == "3"
    assert entry("weather", '{"temperature": 3.5}').event.subject is None


@pytest.mark.parametrize("payload", ['{"from": "2"}', '{"to": ["3"]}', "{"])
def test_an_entry_that_cannot_be_read_is_named(payload: str) -> None:
    """A known kind without its required keys is an error with the entry's id, for people."""
    with pytest.raises(
        TerminalError, match=r"entry 1 of the ledger \(alias_move:1\) cannot be read"
    ):
        _ = entry("alias_move", payload).event


def test_a_misspelt_key_is_never_stored() -> None:
    """An event takes the keys of its kind and no others."""
    with pytest.raises(ValueError, match="version"):
        AliasMove(to="3", version="3")  # type: ignore[call-arg]


TEXT = st.text(max_size=8)
ZONES = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(1, 99),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    AwareDatetime: st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=ZONES),
    JsonValue: st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=2),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return the possible values of a field of this type."""
    inner = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            return values(inner[0])
        case origin if origin in (Union, UnionType):
            return st.one_of([values(each) for each in inner])
        case origin if origin is Literal:
            return st.sampled_from(inner)
        case origin if origin is list:
            return st.lists(values(inner[0]), max_size=2)
        case origin if origin is dict:
            return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    return models(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else PLAIN[kind]


def models(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Return instances of a model, with some of its optional fields."""
    fields = {name: field for name, field in kind.model_fields.items() if not field.exclude}
    must = {name: values(field.annotation) for name, field in fields.items() if field.is_required()}
    may = {
        name: values(field.annotation) for name, field in fields.items() if not field.is_required()
    }
    return st.fixed_dictionaries(must, optional=may).map(lambda given: kind(**given))


@given(st.one_of([models(kind) for kind in EVENTS.values()]), TEXT)
def test_any_event_is_read_as_it_was_recorded(event: LedgerEvent, run_id: str) -> None:
    """Whatever is in it: the entry gives back the event, its id and its stored form."""
    read = entry(event.kind, json.dumps(event.payload, sort_keys=True), run_id).event
    assert read == event
    assert read.entry_id(run_id) == event.entry_id(run_id)
    assert read.payload == event.payload
    assert read.subject == event.subject


def test_an_entry_that_cannot_be_read_is_shown_with_its_content() -> None:
    """Another version may write other values. They stop no list of the ledger."""
    entry = Entry(
        1, "id", "2026-03-20T00:00:00+00:00", "alias_move", "eta", "run", "me", '{"to": 2}', "", ""
    )
    with pytest.raises(TerminalError, match="cannot be read"):
        _ = entry.event
    assert entry.shown_event == UnknownEvent("alias_move", {"to": 2})
    assert '{"to": 2}' in ledger_line(entry)
