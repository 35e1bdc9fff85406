"""The files source: CSV or Parquet, local or remote, with one day or many days per file.

A path with ``{dd}`` has one file per day, or several with a glob: all their rows belong to that
day. Other files hold many days, and the event time assigns a row to its day. Many-day files are
read once. They are split into one Parquet file per day in a temporary folder, in bounded memory,
and each partition reads its own.

CSV cells are read as text. Types inferred from one day could differ between days; `conform` casts
the cells to the declared types.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.sources.addresses import insert_date, match_local, match_remote
from airworthy.lake.sources.download import cached_download, extract_member, fetch, verify
from airworthy.lake.sources.file_fingerprints import file_fingerprints
from airworthy.lake.sources.other_periods import refuse_other_periods
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.sources_part import FilesSource

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
        path = source.path
        self._path = path if "://" in path else str(folder / path)
        self._scratch = tempfile.mkdtemp(prefix="airworthy-files-")
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        # The address of the split files, and their daily files by day.
        self._split: tuple[str, dict[str, list[Path]]] | None = None

    def describe(self) -> str:
        """Describe the source by the spec's path and member."""
        return self._source.path + (f" ({self._source.member})" if self._source.member else "")

    def fingerprints(self, days: Sequence[date]) -> dict[date, str]:
        """Return a fingerprint of each day's files, see `file_fingerprints`.

        Raises:
            TransientError: when a remote file cannot be reached.
        """
        return file_fingerprints({day: insert_date(self._path, day) for day in days}, self._source)

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
                frames = [
                    self._scan(path).collect() for path in self._local_files(address, Path(folder))
                ]
                return _stack(frames)
            if self._split is None or self._split[0] != address:
                paths = self._local_files(address, Path(folder))
                self._split = (address, self._split_by_day(paths, address))
                refuse_other_periods(self._split[1], self._path, address)
        paths = self._split[1].get(day.isoformat(), [])
        return _stack(
            [pl.read_parquet(path, glob=False, hive_partitioning=False) for path in paths]
        )

    def _local_files(self, address: str, folder: Path) -> list[Path]:
        """Return local copies of the files of an address, sorted by name."""
        if address.startswith("https://"):
            return [self._download(address, folder)]
        if "://" not in address:
            return [
                self._open(path, str(path), folder)
                for path in match_local(Path(address))
                if path.is_file()
            ]
        return [
            self._open(fetch(path, _subfolder(folder, number)), path, folder)
            for number, path in enumerate(match_remote(address))
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

    def _scan(self, path: Path) -> pl.LazyFrame:
        """Return a file's rows with derived and renamed columns."""
        with _read_errors(path, self._source.format):
            if self._source.format == "csv":
                frame = pl.scan_csv(path, infer_schema=False, glob=False)
            else:
                frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            names = frame.collect_schema().names()
        renamed = {old: new for old, new in self._source.rename.items() if old in names}
        derived = [_expression(name, text) for name, text in self._source.derive.items()]
        try:
            frame = frame.with_columns(derived).rename(renamed)
            frame.collect_schema()
        except pl.exceptions.PolarsError as error:
            raise TerminalError(
                f"ingest.source.derive or rename does not fit {path.name}: {error}",
                received=", ".join(names),
                allowed="SQL over the file's own columns",
                next_step="correct ingest.source",
            ) from error
        return frame

    def _split_by_day(self, paths: list[Path], address: str) -> dict[str, list[Path]]:
        """Split many-day files into one Parquet file per day.

        Rows without a readable time go to the first day.
        """
        target = Path(tempfile.mkdtemp(dir=self._scratch))
        for number, path in enumerate(paths):
            frame = self._scan(path)
            if self._event_time not in frame.collect_schema().names():
                raise TerminalError(
                    f"{path.name} has no column {self._event_time!r}",
                    received=", ".join(frame.collect_schema().names()),
                    allowed=self._event_time,
                    next_step="correct ingest.event_time, or give it in ingest.source.rename or "
                    "derive",
                )
            day = pl.col(self._event_time).map_batches(
                _day_of, return_dtype=pl.String, is_elementwise=True
            )
            parts = pl.PartitionBy(target / f"{number:06}", key=DAY_COLUMN, include_key=False)
            with _read_errors(path, self._source.format):
                frame.with_columns(day.alias(DAY_COLUMN)).sink_parquet(
                    parts, mkdir=True, compression="lz4", maintain_order=True
                )
        return _by_day(target, address)


def _subfolder(folder: Path, number: int) -> Path:
    """Create a numbered folder: files of the same name from several folders need one each."""
    subfolder = folder / f"{number:06}"
    subfolder.mkdir()
    return subfolder


def _expression(name: str, text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text).alias(name)
    except pl.exceptions.PolarsError as error:
        raise TerminalError(
            f"ingest.source.derive.{name} is not SQL: {error}",
            received=text,
            allowed="a Polars SQL expression",
            next_step="correct ingest.source.derive",
        ) from error


@contextmanager
def _read_errors(path: Path, form: str) -> Iterator[None]:
    """Convert exceptions of reading a file into an error with the file's name.

    Raises:
        TerminalError: when the file is not of the declared format.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TerminalError(
            f"{path.name} cannot be read as {form}",
            received=first,
            allowed=f"a whole {form} file in UTF-8",
            next_step="check the file, then ingest.source.format",
        ) from error


def _stack(frames: list[pl.DataFrame]) -> pl.DataFrame | None:
    """Concatenate the rows of a day's files; a column missing in a file is null there."""
    return pl.concat(frames, how="diagonal_relaxed") if frames else None


def _day_of(column: pl.Series) -> pl.Series:
    times = cast_column(blanks_to_null(column, "datetime"), "datetime")
    return times.dt.strftime("%Y-%m-%d").fill_null(UNDATED)


def _by_day(target: Path, address: str) -> dict[str, list[Path]]:
    """Return the daily files by day, in the order of their original files."""
    days: dict[str, list[Path]] = {}
    for path in sorted(target.rglob("*.parquet")):
        days.setdefault(path.parent.name.split("=", 1)[1], []).append(path)
    undated = days.pop(UNDATED, [])
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
