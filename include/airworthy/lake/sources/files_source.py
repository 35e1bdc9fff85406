"""The files source: CSV, Parquet, JSON lines or Excel, with one day or many days per file.

A path with ``{dd}`` has one file per day, or several with a glob: all their rows belong to that
day. With a time zone in the spec it is a day of the zone: a UTC day takes its rows from the files
of two days. Files of static rows belong to one day as a whole. Other files hold many days: see
`split_files`.

Cells of CSV files and values of JSON lines are read as text. Types inferred from one day could
differ between days; `conform` casts the cells to the declared types.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from airworthy.lake.casting import blanks_to_null
from airworthy.lake.column_types import stack_rows
from airworthy.lake.sources.addresses import find_local, find_remote, insert_date
from airworthy.lake.sources.csv_files import stray_quote
from airworthy.lake.sources.download import cached_download, extract_member, fetch, verify
from airworthy.lake.sources.file_fingerprints import all_of, file_fingerprints
from airworthy.lake.sources.open_text import read_errors
from airworthy.lake.sources.other_periods import refuse_other_periods
from airworthy.lake.sources.scan_file import scan_file
from airworthy.lake.sources.source import MissingSourceError
from airworthy.lake.sources.split_files import days_by_file, split_by_day
from airworthy.lake.times import UNDATED, TimeRules, local_days, utc_days
from airworthy.masking import without_address_secrets
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.sources_part import CsvFormat, FilesSource


class Files:
    """Files behind the `Source` protocol."""

    def __init__(self, source: FilesSource, ingest: Ingest, folder: Path, downloads: Path) -> None:
        """Keep the declared source; the first read opens it.

        Args:
            source: The declared source.
            ingest: Gives the event time, for splitting many-day files into days.
            folder: The model's folder; relative paths are relative to it.
            downloads: The download cache.
        """
        self._source, self._ingest, self._downloads = source, ingest, downloads
        self._rules = TimeRules.of(ingest, ingest.event_time)
        self._folder = folder
        self._scratch = tempfile.mkdtemp(prefix="airworthy-files-")
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        # The address of the split files, and their daily files by day.
        self._split: tuple[str, dict[str, list[Path]]] | None = None

    def describe(self) -> str:
        """Describe the source by the spec's path, without secrets, and member."""
        path = without_address_secrets(self._source.path)
        return path + (f" ({self._source.member})" if self._source.member else "")

    def fingerprints(self, days: Sequence[date]) -> dict[date, str]:
        """Return a fingerprint of each day's files, see `file_fingerprints`.

        Raises:
            TransientError: when a remote file cannot be reached.
        """
        local = {day: local_days(day, self._rules.zone) for day in days}
        files = list(dict.fromkeys(each for several in local.values() for each in several))
        addresses = {each: insert_date(self._source.path, each) for each in files}
        states = file_fingerprints(self._folder, addresses, self._source)
        return {day: all_of([states[each] for each in local[day]]) for day in days}

    def read(self, day: date) -> pl.DataFrame | None:
        """Return a day's raw rows.

        Raises:
            TerminalError: when a file does not match the spec, or when the file of a path without a
                glob is missing.
            TransientError: when a remote file cannot be reached.
        """
        if "{dd}" in self._source.path:
            return self._read_daily_files(day)
        address = insert_date(self._source.path, day)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            if self._ingest.static:
                return stack_rows(self._read_whole(address, Path(folder)))
            if self._split is None or self._split[0] != address:
                self._split = (address, self._split_days(address, Path(folder)))
                refuse_other_periods(self._split[1], self._source.path, address)
        paths = self._split[1].get(day.isoformat(), [])
        return stack_rows(
            [pl.read_parquet(path, glob=False, hive_partitioning=False) for path in paths]
        )

    def days(self) -> tuple[date, date] | None:
        """Return the first and the last day with rows, once the files are split; None before."""
        days = [] if self._split is None else sorted(self._split[1])
        return (date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else None

    def _read_daily_files(self, day: date) -> pl.DataFrame | None:
        """Return the rows of a UTC day from the files of its days in the spec's zone."""
        days = local_days(day, self._rules.zone)
        frames: list[pl.DataFrame] = []
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            for number, local_day in enumerate(days):
                address = insert_date(self._source.path, local_day)
                rows = self._read_whole(address, _subfolder(Path(folder), number))
                frames += [
                    each if len(days) == 1 else self._of_day(each, day, local_day) for each in rows
                ]
        return stack_rows(frames)

    def _of_day(self, rows: pl.DataFrame, day: date, local_day: date) -> pl.DataFrame:
        """Return a file's rows of a UTC day; those without a time are of the file's own day."""
        if self._ingest.event_time not in rows.columns:
            return rows
        times = blanks_to_null(rows[self._ingest.event_time], "datetime", self._ingest.null_values)
        days = utc_days(times, self._rules)
        own = [day.isoformat(), UNDATED] if local_day == day else [day.isoformat()]
        # A row of neither day of its file is in the wrong file. It is kept, so that people hear.
        strays = ~days.is_in([*_utc_names(local_day, self._rules.zone), UNDATED])
        return rows.filter(days.is_in(own) | (strays & (local_day == day)))

    def _read_whole(self, address: str, folder: Path) -> list[pl.DataFrame]:
        """Return the rows of each file of an address."""
        frames = []
        for path in self._local_files(address, folder):
            rows = self._scan(path, folder)
            with self._read_errors(path):
                frames.append(rows.collect())
        return frames

    def _split_days(self, address: str, folder: Path) -> dict[str, list[Path]]:
        """Split many-day files into one Parquet file per day."""
        target = Path(tempfile.mkdtemp(dir=self._scratch))
        paths = self._local_files(address, folder)
        for number, path in enumerate(paths):
            frame = self._scan(path, folder)
            with self._read_errors(path):
                split_by_day(frame, path.name, self._ingest, target / f"{number:06}")
        return days_by_file(target, address, self._ingest) if paths else {}

    def _scan(self, path: Path, folder: Path) -> pl.LazyFrame:
        return scan_file(path, self._source, self._ingest.source_columns, folder)

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
            raise MissingSourceError(
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


def _subfolder(folder: Path, number: int) -> Path:
    """Create a numbered folder: files of the same name from several folders need one each."""
    subfolder = folder / f"{number:06}"
    subfolder.mkdir()
    return subfolder


def _utc_names(day: date, zone: str) -> list[str]:
    """Return the UTC days of a day of a zone."""
    around = (day + timedelta(days=each) for each in (-1, 0, 1))
    return [utc.isoformat() for utc in around if day in local_days(utc, zone)]
