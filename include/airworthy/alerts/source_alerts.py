"""Factories of alerts about a model's source: restated days, other columns. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from airworthy.alerts.alert import Alert
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.source_changes import SourceChange
from airworthy.lake.source_schema import SchemaChange
from airworthy.shown_text import as_lines

Links = Mapping[str, str]
_SHOWN = 20


def restated_partition(model: str, records: Sequence[PartitionRecord], links: Links) -> Alert:
    """Return the alert about the days that a run read again with other rows.

    Args:
        model: The model.
        records: The records of the restated partitions, at least one.
        links: Links to the evidence.
    """
    days = [record.partition for record in records]
    which = days[0] if len(days) == 1 else f"{len(days)} days, {min(days)} to {max(days)},"
    lines = [_restated_line(record) for record in records[-_SHOWN:]]
    return Alert(
        kind="restated_partition",
        model=model,
        about=f"{days[-1]} {_digest_of(records)}",
        severity="warning",
        title=f"{model}: the source restated {which} after they were read"
        if len(days) > 1
        else f"{model}: the source restated {which} after it was read",
        text=as_lines(lines),
        facts={"days": str(len(days)), "source": records[-1].source},
        links=dict(links),
        next_step="see why the source changed these days; the next training sees the new rows",
    )


def schema_change(model: str, changes: Sequence[SchemaChange], source: str, links: Links) -> Alert:
    """Return the alert about columns that appeared, vanished or changed their type at the source.

    Args:
        model: The model.
        changes: The changes that a run noticed, at least one.
        source: The source in words.
        links: Links to the evidence.
    """
    lines = [f"{change.day}: {line}" for change in changes for line in change.lines]
    breaks = any(change.vanished or change.retyped for change in changes)
    return Alert(
        kind="schema_change",
        model=model,
        about=f"{changes[-1].day} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}",
        severity="critical" if breaks else "warning",
        title=f"{model}: the source's columns have changed",
        text=as_lines(lines),
        facts={"source": source},
        links=dict(links),
        next_step="ask the source's owner; declare a new column in ingest.columns to use it, and "
        "give the source's name of a renamed one in ingest.source",
    )


def source_changed(model: str, changes: Sequence[SourceChange], source: str, links: Links) -> Alert:
    """Return the alert about final days that the source has changed; the lake keeps its rows.

    Args:
        model: The model.
        changes: The changes that a run noticed, at least one, oldest day first.
        source: The source in words.
        links: Links to the evidence.
    """
    days = [change.day for change in changes]
    which = days[0] if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]},"
    lines = [change.line for change in changes]
    digest = hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]
    return Alert(
        kind="source_changed",
        model=model,
        about=f"{days[-1]} {digest}",
        severity="warning",
        title=f"{model}: the source changed {which} after it was final"
        if len(days) == 1
        else f"{model}: the source changed {which} after they were final",
        text=as_lines(lines[-_SHOWN:]),
        facts={"days": str(len(days)), "source": source},
        links=dict(links),
        next_step="the lake keeps its rows; to read these days again: "
        f"airworthy run {model} --refresh {days[0]}..{days[-1]}, or the train DAG's `refresh`",
    )


def _restated_line(record: PartitionRecord) -> str:
    rows = f"{record.previous_rows:,} rows before, {record.rows:,} now"
    changes = f": {record.row_changes.text}" if record.row_changes is not None else ""
    return f"{record.partition}: {rows}{changes}"


def _digest_of(records: Sequence[PartitionRecord]) -> str:
    contents = "\n".join(f"{record.partition} {record.digest}" for record in records)
    return hashlib.sha256(contents.encode()).hexdigest()[:12]
