"""A hash chain in an append-only Delta table, one per model.

Each entry's hash is the SHA-256 of its own fields and of the previous entry's hash, so a changed, removed or inserted
entry breaks the chain at that place. An entry is committed only at the table's version after the one that was looked
at, so two writers, on one machine or on several, cannot both follow the same entry. An entry has an id that says what
it records; appending the same id again changes nothing, so a retried task leaves one entry.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, cast

import polars as pl
from filelock import FileLock
from pydantic import ValidationError
from typing_extensions import TypeVar

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.lake import delta
from airworthy.ledger import entry_files
from airworthy.ledger.events import AnyEvent, LedgerEvent, UnknownEvent, read_event

if TYPE_CHECKING:
    from deltalake import DeltaTable

_SCHEMA = pl.Schema(
    {
        "sequence": pl.Int64,
        "entry_id": pl.String,
        "time": pl.String,
        "kind": pl.String,
        "model": pl.String,
        "run_id": pl.String,
        "who": pl.String,
        "payload": pl.String,
        "previous_hash": pl.String,
        "hash": pl.String,
    }
)
_FIRST = "0" * 64

_Event = TypeVar("_Event", bound=LedgerEvent | UnknownEvent, default=AnyEvent, covariant=True)
_Appended = TypeVar("_Appended", bound=LedgerEvent)


@dataclass(frozen=True)
class Entry(Generic[_Event]):
    """One decision. `time` is ISO 8601 in UTC; `payload` is JSON with sorted keys."""

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

    def expected_hash(self) -> str:
        """Return the hash that these fields give."""
        fields = asdict(self)
        del fields["hash"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The payload as JSON values: every key that was stored, as it was stored."""
        return dict(json.loads(self.payload))

    @cached_property
    def event(self) -> _Event:
        """What was decided.

        Raises:
            TerminalError: when the payload is not one of this kind.
        """
        try:
            return cast("_Event", read_event(self.kind, self.content))
        except ValueError as error:
            raise TerminalError(
                f"entry {self.sequence} of the ledger ({self.entry_id}) cannot be read",
                model=self.model,
                received=_problem(error),
                allowed=f"what an entry of the kind {self.kind} holds",
                next_step="read it with the version of Airworthy that wrote it",
            ) from error


class Ledger:
    """One model's ledger."""

    def __init__(self, uri: str, model: str, lock: FileLock) -> None:
        """Name the table and the lock that serialises appends; see `open_ledger`."""
        self.uri = uri
        self.model = model
        self._lock = lock

    def append(self, event: _Appended, *, run_id: str, who: str) -> Entry[_Appended]:
        """Append an event, unless an entry with its id is there; return the entry that is there now.

        Args:
            event: What was decided.
            run_id: The run that decided.
            who: Who asked for the run, or answered.

        Raises:
            TransientError: when the ledger cannot be reached, or others kept appending first.
        """
        entry_id = event.entry_id(run_id)
        with self._lock:
            for _ in range(delta.ATTEMPTS):
                table = self._open()
                near = self._near(table, entry_id)
                for known in near:
                    if known.entry_id == entry_id:
                        return cast("Entry[_Appended]", known)
                entry = self._entry(event, run_id, who, near[-1] if near else None)
                try:
                    self._commit(table, entry)
                except delta.LostRaceError:
                    continue
                return entry
        raise TransientError(
            "other writers kept appending to the ledger first",
            model=self.model,
            received=self.uri,
            next_step="run again when the other runs are done",
        )

    def _commit(self, table: DeltaTable | None, entry: Entry[LedgerEvent]) -> None:
        from deltalake import CommitProperties

        table = table or self._made()
        frame = pl.DataFrame([asdict(entry)], schema=_SCHEMA)
        with delta.explained(self.uri):
            table.create_write_transaction(
                actions=[entry_files.write(self.uri, frame)],
                mode="append",
                schema=table.schema(),
                commit_properties=CommitProperties(max_commit_retries=0),
            )

    def _made(self) -> DeltaTable:
        """Make the table; another writer may be quicker."""
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import DeltaError

        schema = Schema.from_arrow(pl.DataFrame(schema=_SCHEMA).to_arrow().schema)
        with delta.explained(self.uri):
            try:
                return DeltaTable.create(
                    self.uri, schema=schema, configuration={"delta.appendOnly": "true"}
                )
            except DeltaError as error:
                if DeltaTable.is_deltatable(self.uri):
                    raise delta.LostRaceError from error
                raise

    def _entry(
        self, event: _Appended, run_id: str, who: str, last: Entry | None
    ) -> Entry[_Appended]:
        unsealed: Entry[_Appended] = Entry(
            sequence=last.sequence + 1 if last else 1,
            entry_id=event.entry_id(run_id),
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            kind=event.kind,
            model=self.model,
            run_id=run_id,
            who=who,
            payload=json.dumps(event.payload, sort_keys=True),
            previous_hash=last.hash if last else _FIRST,
            hash="",
        )
        return Entry(**{**asdict(unsealed), "hash": unsealed.expected_hash()})

    def entries(self) -> list[Entry]:
        """Return every entry, oldest first; none when nothing was recorded yet.

        Raises:
            TerminalError: when a file of the ledger was changed; it names the entry.
            TransientError: when the ledger cannot be reached.
        """
        return self._entries(self._open())

    def entries_after(self, sequence: int) -> list[Entry]:
        """Return the entries with a greater sequence number, oldest first; only their files are read.

        Raises:
            TerminalError: when a file of theirs was changed; it names the entry.
            TransientError: when the ledger cannot be reached.
        """
        table = self._open()
        if table is None:
            return []
        with delta.explained(self.uri):
            known = pl.DataFrame(table.get_add_actions(flatten=True))
        if "max.sequence" not in known.columns:
            return [entry for entry in self._entries(table) if entry.sequence > sequence]
        new = known.filter((pl.col("max.sequence") > sequence).fill_null(True))
        found = self._entries(table, {path.rsplit("/", 1)[-1] for path in new["path"]})
        return [entry for entry in found if entry.sequence > sequence]

    def _open(self) -> DeltaTable | None:
        try:
            return delta.open_table(self.uri)
        except TransientError:
            broken = entry_files.broken_log(self.uri)
            if broken is not None:
                raise entry_files.changed(broken) from None
            raise

    def _entries(self, table: DeltaTable | None, names: set[str] | None = None) -> list[Entry]:
        if table is None:
            return []
        with delta.explained(self.uri):
            frame = entry_files.read(table, _SCHEMA, names)
        return [Entry(**row) for row in frame.sort("sequence").iter_rows(named=True)]

    def _near(self, table: DeltaTable | None, entry_id: str) -> list[Entry]:
        """Return the last entry and all that may have this id: what an append has to know.

        The table's log holds the least and the greatest value of each file, one file an entry: all others stay
        unread. Greatest and least texts are cut, to values that are not smaller and not greater, so none is missed.
        """
        if table is None:
            return []
        with delta.explained(self.uri):
            known = pl.DataFrame(table.get_add_actions(flatten=True))
        if not {"max.sequence", "min.entry_id", "max.entry_id"} <= set(known.columns):
            return self._entries(table)
        last, same = (
            pl.col("max.sequence"),
            pl.lit(entry_id).is_between("min.entry_id", "max.entry_id"),
        )
        near = known.filter((last == last.max()).fill_null(True) | same.fill_null(True))
        return self._entries(table, {path.rsplit("/", 1)[-1] for path in near["path"]})

    def broken_at(self) -> Entry | None:
        """Return the first entry that does not fit the chain, or None when the ledger is whole."""
        return first_break(self.entries())


def _problem(error: ValueError) -> str:
    """Return what is wrong with a payload, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def first_break(entries: list[Entry]) -> Entry | None:
    """Return the first of a ledger's entries that does not fit the chain, or None when it is whole."""
    previous, sequence = _FIRST, 1
    for entry in entries:
        fits = entry.previous_hash == previous and entry.sequence == sequence
        if not fits or entry.hash != entry.expected_hash():
            return entry
        previous, sequence = entry.hash, sequence + 1
    return None


def open_ledger(environment: Environment, model: str) -> Ledger:
    """Return a model's ledger in this environment."""
    environment.locks.mkdir(parents=True, exist_ok=True)
    return Ledger(
        f"{environment.lake}/{model}/ledger",
        model,
        FileLock(environment.locks / f"ledger-{model}.lock"),
    )
