"""Reads partitions of a dataset version, and checks them against the digests that name them.

A file may be damaged by a disk, or changed by whoever can write the lake. The check reads all columns
of a day, decodes them and hashes them: the digest is of the content, whatever wrote the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from airworthy.error_kinds import ROWS, kind_of
from airworthy.errors import TerminalError
from airworthy.features import polars_schema
from airworthy.handover import DatasetRef
from airworthy.lake import delta
from airworthy.lake.digest import frame_digest
from airworthy.lake.partition_records import PartitionRecord
from airworthy.lake.promoted_parts import is_promoted, part_of_table
from airworthy.object_store import local_folder

_DIGEST = re.compile(r"^[0-9a-f]{64}$")
# What object stores and Polars say of a file that is not there, or is no Parquet file.
_DAMAGED = re.compile(
    r"parquet|out of spec|thrift|decompress|zstd|not found|no such|404|page|footer|magic", re.I
)


@dataclass(frozen=True)
class PinnedVersion:
    """A version of a lake's table.

    Attributes:
        uri: The table's address.
        command: The command that reads a day again from the source, without its days.
        files: The addresses of each partition's files.
        records: Each partition's record.
    """

    uri: str
    command: str
    files: Mapping[str, list[str]]
    records: Mapping[str, PartitionRecord]

    @property
    def newest(self) -> PartitionRecord:
        """The record of the last written partition."""
        return max(self.records.values(), key=lambda record: record.version)

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of the version with their types: those of the last written partition."""
        return polars_schema(self.newest.columns)

    @property
    def event_time(self) -> str:
        """The name of the event-time column."""
        return self.newest.event_time


def read_verified(pinned: PinnedVersion, dataset: DatasetRef, day: str) -> pl.DataFrame:
    """Return all rows of one of a dataset version's days, with the columns of the day's record.

    Args:
        pinned: The table at the dataset's version.
        dataset: The dataset version.
        day: One of its partitions (``2026-01-31``).

    Raises:
        TerminalError: when the day does not hold what was written. It names the day and the remedy.
        TransientError: when the lake cannot be reached.
    """
    record = pinned.records.get(day)
    frame = None
    if record is not None and _is_named(dataset.partitions[day], record):
        frame = rows_of_files(pinned.uri, pinned.files.get(day, []), record)
    if frame is None:
        raise damaged_partition(pinned, dataset, day)
    return frame


def rows_of_files(uri: str, files: Sequence[str], record: PartitionRecord) -> pl.DataFrame | None:
    """Return a partition's rows with the columns of its record; None when they are other rows.

    Args:
        uri: The table's address.
        files: The addresses of the partition's files.
        record: The partition's record.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    with delta.delta_errors(uri):
        try:
            frame = _read(uri, files, polars_schema(record.columns))
        except (Exception, pl.exceptions.PanicException) as error:
            if _is_damage(uri, error):
                return None
            raise
    return frame if frame_digest(frame) == record.digest else None


def in_columns(frame: pl.DataFrame, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a partition's rows with a dataset version's columns.

    A column that is younger than the partition is null. An integer may have become a float.
    """
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in columns.items()
    )


def damaged_partition(pinned: PinnedVersion, dataset: DatasetRef, day: str) -> TerminalError:
    """Return the error for a day that does not hold what was written.

    Args:
        pinned: The table at the dataset's version.
        dataset: The dataset version.
        day: The day.
    """
    end = dataset.window.end
    next_step = (
        f"read it again from the source: {pinned.command} --as-of {end:%Y-%m-%d} --refresh {day}"
    )
    if is_promoted(part_of_table(dataset.model, pinned.uri)):
        next_step = f"copy it again: {pinned.command} --from ENVIRONMENT --to ENVIRONMENT"
    return TerminalError(
        f"the partition {day} of the lake is damaged: its rows are not those that were written",
        model=dataset.model,
        received=", ".join(pinned.files.get(day, [])) or f"no file below {pinned.uri}",
        allowed=f"rows with the digest {dataset.partitions[day]}",
        next_step=next_step,
    )


def _is_named(digest: str, record: PartitionRecord) -> bool:
    """Tell whether a record is of the content that a dataset names. Some datasets name none."""
    return digest == record.digest or _DIGEST.match(digest) is None


def _read(uri: str, files: Sequence[str], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if not files:
        return pl.DataFrame(schema=dict(columns))
    # Types come from the file: with a cast, another type could pass for the written one.
    frame = delta.scan_files(uri, files, extra_columns="ignore", schema=dict(columns))
    return frame.select(*columns).collect()


def _is_damage(uri: str, error: BaseException) -> bool:
    """Tell whether an error says that a file is gone or cannot be decoded."""
    if isinstance(error, FileNotFoundError | pl.exceptions.PanicException):
        return True
    if not isinstance(error, pl.exceptions.PolarsError):
        return False
    if local_folder(uri) is not None and kind_of(error) in (None, ROWS):
        return True
    return _DAMAGED.search(str(error)) is not None
