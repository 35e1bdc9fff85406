"""Counts what became of a window's raw rows, from the records of its partitions. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from airworthy.handover import IngestCounts, QuarantineReason, Window
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.unusable_rows import missing_texts

MAX_REASONS = 10


def window_counts(
    window: Window, records: Mapping[str, PartitionRecord], notices: Sequence[str] = ()
) -> IngestCounts:
    """Return the counts of a window.

    Args:
        window: The window.
        records: The records of all partitions.
        notices: What a run has noticed.
    """
    found = [records[day.isoformat()] for day in window.days if day.isoformat() in records]
    without = [day for day in window.days if not _has_rows(records.get(day.isoformat()))]
    reasons = _merge(found)
    return IngestCounts(
        read=sum(record.read for record in found),
        kept=sum(record.rows for record in found),
        quarantined=sum(record.quarantined for record in found),
        duplicates=sum(record.duplicates for record in found),
        superseded=sum(record.superseded for record in found),
        reasons=dict(list(reasons.items())[:MAX_REASONS]),
        days_without_data=len(without),
        first_without=without[0] if without else None,
        last_without=without[-1] if without else None,
        notices=[*_hints(reasons), *notices],
    )


def _has_rows(record: PartitionRecord | None) -> bool:
    return record is not None and record.read > 0


def _merge(records: Sequence[PartitionRecord]) -> dict[str, QuarantineReason]:
    """Add up the reasons of all days. The example is the first one, with its day."""
    merged: dict[str, QuarantineReason] = {}
    for record in records:
        for reason, each in record.reasons.items():
            before = merged.get(reason)
            example = before.example if before else f"{record.partition}: {each.example}"
            count = each.count + (before.count if before else 0)
            merged[reason] = QuarantineReason(count=count, example=example)
    return dict(sorted(merged.items(), key=lambda pair: -pair[1].count))


def _hints(reasons: dict[str, QuarantineReason]) -> list[str]:
    missing = missing_texts(reasons)
    if not missing:
        return []
    listed = ", ".join(map(json.dumps, missing))
    return [f"if {listed} means no value: say `null_values: [{listed}]` in ingest"]
