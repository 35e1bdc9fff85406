"""The ledger of a model: a hash chain in an append-only Delta table.

Each entry's hash is the SHA-256 of its own fields and of the previous entry's hash. A changed,
removed or inserted entry breaks the chain there. An entry is committed only at the version after
the opened one, so two writers, on one machine or on several, cannot both follow the same entry. The
id of an entry identifies the recorded event. Appending the same id again changes nothing, so a
retried task leaves one entry.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import polars as pl
from filelock import FileLock

from airworthy.environment import Environment
from airworthy.errors import SupersededError, TransientError
from airworthy.handover import ProvedBy
from airworthy.lake import delta
from airworthy.ledger import entry_files
from airworthy.ledger.entry import NO_HASH, Entry, first_broken_entry
from airworthy.ledger.events import LedgerEvent, UnknownEvent
from airworthy.ledger.notices import Notices, open_notices
from airworthy.ledger.traffic_entries import is_followed_entry, last_decision
from airworthy.object_store import delta_options

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from airworthy.anchors import Head

log = logging.getLogger("airworthy.ledger")

SCHEMA = pl.Schema(
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
        "proved_by": pl.String,
        "order_time": pl.String,
    }
)

_Appended = TypeVar("_Appended", bound=LedgerEvent)


class Ledger:
    """One model's ledger."""

    def __init__(
        self,
        uri: str,
        model: str,
        lock: FileLock,
        notices: Notices | None = None,
        anchor: Callable[[Entry[LedgerEvent]], None] | None = None,
    ) -> None:
        """See `open_ledger`.

        Args:
            uri: The address of the table.
            model: The model.
            lock: Serialises the appends of this machine: a try less at the table's next version.
            notices: Tells the model servers of entries that they follow; None: nobody follows.
            anchor: Sends the head after each new entry to where it is kept; None: nowhere.
        """
        self.uri = uri
        self.model = model
        self._lock = lock
        self._notices = notices
        self._anchor = anchor

    def append(
        self,
        event: _Appended,
        *,
        run_id: str,
        who: str,
        decided: int | None = None,
        proved_by: ProvedBy = "nobody",
    ) -> Entry[_Appended]:
        """Append an event, unless there is an entry with its id; return the entry with this id.

        Args:
            event: The event.
            run_id: The run that records it.
            who: The requester of the run, or the person who answered.
            decided: The last entry about traffic that the caller's decision was made against
                (`Traffic.decided`); None: the event does not depend on traffic.
            proved_by: The proof of the name in `who`.

        Raises:
            SupersededError: when there is a later entry about traffic; nothing was appended.
            TransientError: when the ledger cannot be reached, or other writers kept appending
                first.
        """
        entry_id = event.entry_id(run_id)
        # Made here: a ledger that is only read needs no place that can be written to.
        Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            for _ in range(delta.ATTEMPTS):
                table = self._open()
                entries = self._last_and_same(table, entry_id)
                for existing in entries:
                    if existing.entry_id == entry_id:
                        return cast("Entry[_Appended]", existing)
                if decided is not None:
                    self._require_last_decision(table, decided)
                last = entries[-1] if entries else None
                entry = self._entry(event, run_id, (who, proved_by), last)
                try:
                    self._commit(table, entry)
                except delta.LostRaceError:
                    continue
                self._notify(entry)
                break
            else:
                raise self._lost_every_race()
        # Outside the lock: an anchor that is slow stops no other writer.
        if self._anchor is not None:
            self._anchor(entry)
        return entry

    def _lost_every_race(self) -> TransientError:
        return TransientError(
            "other writers kept appending to the ledger first",
            model=self.model,
            received=self.uri,
            next_step="run again when the other runs are done",
        )

    def _require_last_decision(self, table: DeltaTable | None, decided: int) -> None:
        last = last_decision(self._ids(table))
        if last > decided:
            raise SupersededError(
                "the traffic changed after the decision was made",
                model=self.model,
                received=f"entry {last} of the ledger",
                allowed=f"no entry about traffic after entry {decided}",
                next_step=f"airworthy ledger {self.model}, then decide again",
            )

    def _notify(self, entry: Entry[LedgerEvent]) -> None:
        """Tell the model servers to look. A lost notice costs time only: they look at times."""
        if self._notices is None or not is_followed_entry(entry.entry_id):
            return
        try:
            self._notices.write(self.model, entry.sequence)
        except TransientError as error:
            log.warning("%s: the model servers look later: %s", self.model, error.problem)

    def _commit(self, table: DeltaTable | None, entry: Entry[LedgerEvent]) -> None:
        from deltalake import CommitProperties

        table = table or self._create()
        self._require_columns(table)
        frame = pl.DataFrame([asdict(entry)], schema=SCHEMA)
        with delta.delta_errors(self.uri):
            table.create_write_transaction(
                actions=[entry_files.write(self.uri, frame)],
                mode="append",
                schema=table.schema(),
                commit_properties=CommitProperties(max_commit_retries=0),
            )

    def _require_columns(self, table: DeltaTable) -> None:
        """Add the columns that the table of an older version lacks.

        Raises:
            LostRaceError: when columns were added: the caller reads the table again.
        """
        from deltalake import CommitProperties, Schema

        names = {field.name for field in table.schema().fields}
        schema = Schema.from_arrow(pl.DataFrame(schema=SCHEMA).to_arrow().schema)
        missing = [field for field in schema.fields if field.name not in names]
        if not missing:
            return
        with delta.delta_errors(self.uri):
            table.alter.add_columns(
                missing, commit_properties=CommitProperties(max_commit_retries=0)
            )
        raise delta.LostRaceError

    def _create(self) -> DeltaTable:
        """Create the table.

        Raises:
            LostRaceError: when another writer created it first.
        """
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import DeltaError

        schema = Schema.from_arrow(pl.DataFrame(schema=SCHEMA).to_arrow().schema)
        with delta.delta_errors(self.uri):
            try:
                return DeltaTable.create(
                    self.uri,
                    schema=schema,
                    configuration={"delta.appendOnly": "true"},
                    storage_options=delta_options(self.uri),
                )
            except DeltaError as error:
                if delta.is_table(self.uri):
                    raise delta.LostRaceError from error
                raise

    def _entry(
        self, event: _Appended, run_id: str, author: tuple[str, ProvedBy], last: Entry | None
    ) -> Entry[_Appended]:
        now = datetime.now(UTC)
        unsealed: Entry[_Appended] = Entry(
            sequence=last.sequence + 1 if last else 1,
            entry_id=event.entry_id(run_id),
            time=now.isoformat(timespec="milliseconds"),
            kind=event.kind,
            model=self.model,
            run_id=run_id,
            who=author[0],
            payload=json.dumps(event.payload, sort_keys=True),
            previous_hash=last.hash if last else NO_HASH,
            hash="",
            proved_by=author[1],
            order_time=self._later_time(now, last),
        )
        return Entry(**{**asdict(unsealed), "hash": unsealed.expected_hash()})

    def _later_time(self, now: datetime, last: Entry | None) -> str | None:
        """Return the latest time of the entries, when the clock is behind it; None: it is not."""
        if last is None or now >= last.moment:
            return None
        later = last.moment.isoformat(timespec="milliseconds")
        log.warning(
            "%s: this machine's clock says %s, and an entry before is of %s: the order counts",
            self.model,
            now.isoformat(timespec="milliseconds"),
            later,
        )
        return later

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first; without a table, none.

        Raises:
            TerminalError: when a file of the ledger was changed; it names the entry.
            TransientError: when the ledger cannot be reached.
        """
        return self._entries(self._open())

    def entries_after(self, sequence: int) -> list[Entry]:
        """Return the entries after a sequence number, oldest first; only their files are read.

        Raises:
            TerminalError: when one of their files was changed; it names the entry.
            TransientError: when the ledger cannot be reached.
        """
        table = self._open()
        if table is None:
            return []
        files = entry_files.listed(table)
        if "max.sequence" not in files.columns:
            return [entry for entry in self._entries(table) if entry.sequence > sequence]
        new = files.filter((pl.col("max.sequence") > sequence).fill_null(True))
        entries = self._entries(table, {path.rsplit("/", 1)[-1] for path in new["path"]})
        return [entry for entry in entries if entry.sequence > sequence]

    def ids(self) -> list[tuple[int, str]]:
        """Return sequence number and id of all entries, from the table's log, in no order.

        Raises:
            TransientError: when the ledger cannot be reached.
        """
        return self._ids(self._open())

    def _ids(self, table: DeltaTable | None) -> list[tuple[int, str]]:
        if table is None:
            return []
        ids = entry_files.ids(table)
        if ids is not None:
            return ids
        return [(entry.sequence, entry.entry_id) for entry in self._entries(table)]

    def _open(self) -> DeltaTable | None:
        try:
            return delta.open_table(self.uri)
        except TransientError as error:
            if isinstance(error.__cause__, OSError):  # it was not reached: no commit was read
                raise
            broken = entry_files.unreadable_commit(self.uri)
            if broken is not None:
                raise entry_files.changed_entry_error(broken) from None
            raise

    def _entries(self, table: DeltaTable | None, names: set[str] | None = None) -> list[Entry]:
        if table is None:
            return []
        with delta.delta_errors(self.uri):
            return entry_files.entries(table, SCHEMA, names)

    def _last_and_same(self, table: DeltaTable | None, entry_id: str) -> list[Entry]:
        """Return the last entry and all entries that may have this id, oldest first.

        The table's log has the least and the greatest value of each file, and each file has one
        entry. All other files stay unread. Delta cuts long texts: the greatest to a value not
        smaller, the least to a value not greater. So no entry is missed.
        """
        if table is None:
            return []
        files = entry_files.listed(table)
        if not {"max.sequence", "min.entry_id", "max.entry_id"} <= set(files.columns):
            return self._entries(table)
        sequence = pl.col("max.sequence")
        same_id = pl.lit(entry_id).is_between("min.entry_id", "max.entry_id")
        last = sequence == sequence.max()
        selected = files.filter(last.fill_null(True) | same_id.fill_null(True))
        return self._entries(table, {path.rsplit("/", 1)[-1] for path in selected["path"]})

    def first_broken_entry(self) -> Entry | None:
        """Return the first entry outside the hash chain, or None when the chain is unbroken."""
        return first_broken_entry(self.entries(), self.model)


def open_ledger(environment: Environment, model: str) -> Ledger:
    """Return a model's ledger in this environment."""
    anchor = partial(_anchor, environment) if environment.ledger_anchors else None
    return Ledger(
        f"{environment.lake.rstrip('/')}/{model}/ledger",
        model,
        FileLock(environment.locks / f"ledger-{model}.lock"),
        open_notices(environment),
        anchor,
    )


def _anchor(environment: Environment, entry: Entry[LedgerEvent]) -> None:
    """Send the head after a new entry to the environment's anchors. It never fails."""
    from airworthy.anchors import send_appended_head

    send_appended_head(environment, head_of(environment, entry))


def head_of(environment: Environment, entry: Entry[LedgerEvent | UnknownEvent]) -> Head:
    """Return the head of a ledger whose last entry this is."""
    from airworthy.anchors import Head

    return Head(
        environment=environment.name,
        model=entry.model,
        sequence=entry.sequence,
        entry_id=entry.entry_id,
        hash=entry.hash,
        time=entry.time,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
