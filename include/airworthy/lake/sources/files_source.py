"""The files source: CSV, Parquet, JSON lines or Excel, with one day or many days per file.

A path with ``{dd}`` has one file per day, or several with a glob: all their rows belong to that
day. Other files hold many days, and the event time assigns a row to its day. Many-day files are
read once. They are split into one Parquet file per day in a temporary folder, in bounded memory,
and each partition reads its own.

Cells of CSV files and values of JSON lines are read as text. Types inferred from one day could
differ between days; `conform` casts the cells to the declared types.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.column_types import refuse_unusable_types, stack_rows
from airworthy.lake.conform import declared_columns
from airworthy.lake.sources.addresses import find_local, find_remote, insert_date
from airworthy.lake.sources.csv_files import stray_quote
from airworthy.lake.sources.download import cached_download, extract_member, fetch, verify
from airworthy.lake.sources.open_text import read_errors
from airworthy.lake.sources.scan_file import scan_file
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.sources_part import CsvFormat, FilesSource

DAY_COLUMN = "__airworthy_day"
UNDATED = "undated"
log = logging.getLogger("airworthy.ingest")


class Files:
    """CSV or Parquet files behind the `Source` protocol."""

    def __init__(self, source: FilesSource, ingest: Ingest, folder: Path, downloads: Path) -> None:
        """Keep the declared source; the first read opens it.

        Args:
            source: The declared source.
            ingest: Gives the event time, for splitting many-day files into days.
            folder: The model's folder; relative paths are relative to it.
            downloads: The download cache.
        """
        self._source, self._event_time, self._downloads = source, ingest.event_time, downloads
        self._columns = declared_columns(ingest)
        self._path, self._folder = source.path, folder
        self._scratch = tempfile.mkdtemp(prefix="airworthy-files-")
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        # The address of the split files, and their daily files by day.
        self._split: tuple[str, dict[str, list[Path]]] | None = None

    def describe(self) -> str:
        """Describe the source by the spec's path and member."""
        return self._source.path + (f" ({self._source.member})" if self._source.member else "")

    def read(self, day: date) -> pl.DataFrame | None:
        """Return a day's raw rows.

        Raises:
            TerminalError: when a file does not match the spec, or when the file of a path without a
                glob is missing.
            TransientError: when a remote file cannot be reached.
        """
        address = insert_date(self._path, day)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            if "{dd}" in self._path:
                return stack_rows(self._read_whole(address, Path(folder)))
            if self._split is None or self._split[0] != address:
                paths = self._local_files(address, Path(folder))
                self._split = (address, self._split_by_day(paths, address, Path(folder)))
        paths = self._split[1].get(day.isoformat(), [])
        return stack_rows(
            [pl.read_parquet(path, glob=False, hive_partitioning=False) for path in paths]
        )

    def _read_whole(self, address: str, folder: Path) -> list[pl.DataFrame]:
        """Return the rows of each file of an address."""
        frames = []
        for path in self._local_files(address, folder):
            rows = self._scan(path, folder)
            with self._read_errors(path):
                frames.append(rows.collect())
        return frames

    def _scan(self, path: Path, folder: Path) -> pl.LazyFrame:
        return scan_file(path, self._source, self._columns, folder)

    @contextmanager
    def _read_errors(self, path: Path) -> Iterator[None]:
        """Convert exceptions of reading a file's rows; see `read_errors`."""
        source = self._source
        with read_errors(path, source.format, derived=bool(source.derive)):
            try:
                yield
            except pl.exceptions.ComputeError as error:
                form = source.csv or CsvFormat()
                fault = stray_quote(path, form) if source.format == "csv" else None
                if fault is None:
                    raise
                raise fault from error

    def _local_files(self, address: str, folder: Path) -> list[Path]:
        """Return local copies of the files of an address, sorted by name."""
        if address.startswith("https://"):
            return [self._download(address, folder)]
        if "://" not in address or address.startswith("file://"):
            return [
                self._open(path, str(path), folder)
                for path in find_local(self._folder, self._source.path, address)
            ]
        return [
            self._open(fetch(path, _subfolder(folder, number)), path, folder)
            for number, path in enumerate(find_remote(self._source.path, address))
        ]

    def _download(self, address: str, folder: Path) -> Path:
        try:
            if "{" not in self._source.path:
                return cached_download(self._source, self._downloads)
            return self._open(fetch(address, folder), address, folder)
        except FileNotFoundError as error:
            raise TerminalError(
                f"there is no file at {address}",
                received=error,
                next_step="correct ingest.source.path",
            ) from error

    def _open(self, path: Path, address: str, folder: Path) -> Path:
        """Return the verified file: the path itself, or the member of an archive."""
        if self._source.member is not None:
            path = extract_member(
                path, self._source.member, _subfolder(folder, len(list(folder.iterdir()))), address
            )
        verify(path, self._source, address)
        return path

    def _split_by_day(self, paths: list[Path], address: str, folder: Path) -> dict[str, list[Path]]:
        """Split many-day files into one Parquet file per day.

        Rows without a readable time go to the first day.

        Args:
            paths: The local files.
            address: The address of the files, for errors.
            folder: A folder for copies.
        """
        target = Path(tempfile.mkdtemp(dir=self._scratch))
        for number, path in enumerate(paths):
            frame = self._scan(path, folder)
            schema = frame.collect_schema()
            if self._event_time not in schema:
                raise TerminalError(
                    f"{path.name} has no column {self._event_time!r}",
                    received=", ".join(schema),
                    allowed=self._event_time,
                    next_step="correct ingest.event_time, or give it in ingest.source.rename or "
                    "derive",
                )
            refuse_unusable_types(schema, {self._event_time: "datetime"})
            day = pl.col(self._event_time).map_batches(
                _day_of, return_dtype=pl.String, is_elementwise=True
            )
            parts = pl.PartitionBy(target / f"{number:06}", key=DAY_COLUMN, include_key=False)
            with self._read_errors(path):
                frame.with_columns(day.alias(DAY_COLUMN)).sink_parquet(
                    parts, mkdir=True, compression="lz4", maintain_order=True
                )
        return _by_day(target, address) if paths else {}


def _subfolder(folder: Path, number: int) -> Path:
    """Create a numbered folder: files of the same name from several folders need one each."""
    subfolder = folder / f"{number:06}"
    subfolder.mkdir()
    return subfolder


def _day_of(column: pl.Series) -> pl.Series:
    times = cast_column(blanks_to_null(column, "datetime"), "datetime")
    return times.dt.strftime("%Y-%m-%d").fill_null(UNDATED)


def _by_day(target: Path, address: str) -> dict[str, list[Path]]:
    """Return the daily files by day, in the order of their original files."""
    days: dict[str, list[Path]] = {}
    for path in sorted(target.rglob("*.parquet")):
        days.setdefault(path.parent.name.split("=", 1)[1], []).append(path)
    undated = days.pop(UNDATED, [])
    if not undated and not days:
        raise TerminalError(
            f"{address} has no rows",
            received="a header and nothing more",
            allowed="at least one row",
            next_step="check the file, then ingest.source.path",
        )
    if undated and not days:
        raise TerminalError(
            f"no row of {address} has an event time that can be read",
            received=f"{len(undated)} file(s)",
            allowed="ISO 8601, such as 2026-01-31 13:45:00",
            next_step="correct ingest.event_time or derive it",
        )
    if undated:
        first = min(days)
        log.warning(
            "%s: rows without a readable event time are counted with its first day, %s",
            address,
            first,
        )
        days[first].extend(undated)
    return days
