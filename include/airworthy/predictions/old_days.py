"""Removes old days of the prediction log, under the environment's retention."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable

from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.lake import delta
from airworthy.predictions.log_rows import DAY
from airworthy.predictions.log_tables import table_uri
from airworthy.predictions.segments import DAMAGED
from airworthy.predictions.spool import LABELS, PREDICTIONS, spool_folder

_KINDS = (PREDICTIONS, LABELS)


def has_days_before(environment: Environment, model: str, first: date) -> bool:
    """Tell whether a model's log has predictions or labels of days before one.

    Args:
        environment: The environment with the lake.
        model: The model.
        first: The first day that stays, UTC.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    return any(_has_days_before(table, first) for table in _tables(environment, model))


def remove_days_before(environment: Environment, model: str, first: date) -> None:
    """Remove a log's days before one, and the files that were replaced more than a day ago.

    The positions of the spool's writers stay: nothing is collected twice. The files of the removed
    days go a day later, with the next call.

    Args:
        environment: The environment with the lake.
        model: The model.
        first: The first day that stays, UTC.

    Raises:
        TransientError: when the lake cannot be reached, or others kept committing first.
    """
    for kind in _KINDS:
        uri = table_uri(environment, model, kind)
        for _ in range(delta.ATTEMPTS):
            try:
                _remove(uri, first)
            except delta.LostRaceError:
                continue
            break
        else:
            raise TransientError(
                f"other writers kept committing to {uri} first", model=model, next_step="run again"
            )


def remove_damaged_segments(environment: Environment, model: str, until: datetime) -> int:
    """Remove damaged files that were kept aside before a time; return their number.

    Args:
        environment: The environment, with this machine's spool.
        model: The model.
        until: A time, UTC.
    """
    folders = [spool_folder(environment) / model / kind / DAMAGED for kind in _KINDS]
    old = [file for folder in folders for file in folder.glob("*") if _is_old(file, until)]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _tables(environment: Environment, model: str) -> Iterator[DeltaTable]:
    for kind in _KINDS:
        table = delta.open_table(table_uri(environment, model, kind))
        if table is not None:
            yield table


def _has_days_before(table: DeltaTable, first: date) -> bool:
    with delta.delta_errors(table.table_uri):
        files = pl.DataFrame(table.get_add_actions(flatten=True))
    return bool((files[f"partition.{DAY}"] < first.isoformat()).any()) if files.height else False


def _remove(uri: str, first: date) -> None:
    table = delta.open_table(uri)
    if table is None:
        return
    once = CommitProperties(max_commit_retries=0)
    with delta.delta_errors(uri):
        if _has_days_before(table, first):
            # Whole days: no file is rewritten.
            table.delete(f"{DAY} < '{first.isoformat()}'", commit_properties=once)
        table.vacuum(dry_run=False)


def _is_old(file: Path, until: datetime) -> bool:
    return file.is_file() and file.stat().st_mtime < until.timestamp()
