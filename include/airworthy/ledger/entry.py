"""An entry of the ledger, and the check of the hash chain of all entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, cast

from pydantic import ValidationError
from typing_extensions import TypeVar

from airworthy.errors import TerminalError
from airworthy.handover import ProvedBy
from airworthy.ledger.events import AnyEvent, LedgerEvent, UnknownEvent, read_event

NO_HASH = "0" * 64
"""The `previous_hash` of the first entry."""

_Event = TypeVar("_Event", bound=LedgerEvent | UnknownEvent, default=AnyEvent, covariant=True)


@dataclass(frozen=True)
class Entry(Generic[_Event]):
    """One decision. `time` is ISO 8601 in UTC; `payload` is JSON with sorted keys.

    `proved_by` is the proof of the name in `who`; None: an older version wrote the entry.
    `time` is the writer's clock. `order_time` is the latest time of the entries before, when the
    clock was behind it; else None.
    """

    sequence: int
    entry_id: str
    time: str
    kind: str
    model: str
    run_id: str
    who: str
    payload: str
    previous_hash: str
    hash: str
    proved_by: ProvedBy | None = None
    order_time: str | None = None

    @property
    def stored(self) -> dict[str, Any]:
        """The fields as they were written: an entry of an older version has no `proved_by`."""
        fields = asdict(self)
        for name in ("proved_by", "order_time"):
            if fields[name] is None:
                del fields[name]
        return fields

    @property
    def moment(self) -> datetime:
        """The time by the order of the entries: no entry is before the one that it follows."""
        return datetime.fromisoformat(self.order_time or self.time)

    def expected_hash(self) -> str:
        """Return the hash of the fields."""
        fields = self.stored
        del fields["hash"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The payload as JSON values, with all stored keys."""
        return dict(json.loads(self.payload))

    @cached_property
    def event(self) -> _Event:
        """The recorded event.

        Raises:
            TerminalError: when the payload does not fit the entry's kind.
        """
        try:
            return cast("_Event", read_event(self.kind, self.content))
        except ValueError as error:
            raise TerminalError(
                f"entry {self.sequence} of the ledger ({self.entry_id}) cannot be read",
                model=self.model,
                received=_first_problem(error),
                allowed=f"what an entry of the kind {self.kind} holds",
                next_step="read it with the version of Airworthy that wrote it",
            ) from error

    @property
    def shown_event(self) -> _Event | UnknownEvent:
        """The recorded event, to be shown: one that cannot be read is shown with all its content."""
        try:
            return self.event
        except TerminalError:
            return UnknownEvent(self.kind, self.content)


def _first_problem(error: ValueError) -> str:
    """Return the first problem of a payload in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def first_broken_entry(entries: Sequence[Entry], model: str | None = None) -> Entry | None:
    """Return the first of a ledger's entries outside the hash chain, or None.

    Args:
        entries: The entries, oldest first.
        model: Its model. Another model's ledger in its place is whole by itself. None: any one.
    """
    previous, sequence = NO_HASH, 1
    for entry in entries:
        fits = entry.previous_hash == previous and entry.sequence == sequence
        fits = fits and model in (None, entry.model)
        if not fits or entry.hash != entry.expected_hash():
            return entry
        previous, sequence = entry.hash, sequence + 1
    return None
