"""The files source: CSV or Parquet, local or remote, a file a day or many days in a file.

A path with ``{dd}`` has a file (or, with a glob, several) a day: all their rows belong to that day. Otherwise files
hold many days, and a day's rows are those whose event time is in it. Many-day files are read once: they are spread
into one Parquet file a day in a temporary folder, in bounded memory, and each partition reads its own.

CSV cells are read as text, so that a day whose numbers all look whole is not read otherwise than its neighbours;
`conform` gives them their declared types.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from glob import has_magic
from pathlib import Path

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.casting import blanks_to_null, cast_column
from airworthy.lake.sources.download import downloaded, extracted, fetch, unreachable, verify
from airworthy.spec.model_spec import Ingest
from airworthy.spec.sources_part import FilesSource

DAY_COLUMN = "__airworthy_day"
UNDATED = "undated"
log = logging.getLogger("airworthy.ingest")


class Files:
    """CSV or Parquet files behind the `Source` protocol."""

    def __init__(self, source: FilesSource, ingest: Ingest, folder: Path, downloads: Path) -> None:
        """Keep what to read; nothing is opened yet.

        Args:
            source: The declared source.
            ingest: For the event time, by which many-day files are cut into days.
            folder: The model's folder, from which relative paths start.
            downloads: Folder of files that were downloaded.
        """
        self._source, self._event_time, self._downloads = source, ingest.event_time, downloads
        path = source.path
        self._path = path if "://" in path else str(folder / path)
        self._scratch = tempfile.TemporaryDirectory(prefix="airworthy-files-")
        self._spread: tuple[str, dict[str, list[Path]]] | None = None

    def describe(self) -> str:
        """Return the path as the spec has it, with the member."""
        return self._source.path + (f" ({self._source.member})" if self._source.member else "")

    def read(self, day: date) -> pl.DataFrame | None:
        """Return a day's raw rows.

        Raises:
            TerminalError: when a file is not what the spec says, or a path that names one file names none.
            TransientError: when a remote file cannot be reached.
        """
        address = _dated(self._path, day)
        with tempfile.TemporaryDirectory(dir=self._scratch.name) as folder:
            if "{dd}" in self._path:
                frames = [
                    self._shaped(path).collect()
                    for path in self._local_files(address, Path(folder))
                ]
                return _stacked(frames)
            if self._spread is None or self._spread[0] != address:
                self._spread = (
                    address,
                    self._spread_out(self._local_files(address, Path(folder)), address),
                )
        found = self._spread[1].get(day.isoformat(), [])
        return _stacked(
            [pl.read_parquet(path, glob=False, hive_partitioning=False) for path in found]
        )

    def _local_files(self, address: str, folder: Path) -> list[Path]:
        """Return the files behind an address on local disk, in the order of their names."""
        if address.startswith("https://"):
            return [self._fetched(address, folder)]
        if "://" not in address:
            return [
                self._opened(path, str(path), folder)
                for path in _local_matches(Path(address))
                if path.is_file()
            ]
        return [
            self._opened(fetch(path, _subfolder(folder, number)), path, folder)
            for number, path in enumerate(_remote_files(address))
        ]

    def _fetched(self, address: str, folder: Path) -> Path:
        try:
            if "{" not in self._source.path:
                return downloaded(self._source, self._downloads)
            return self._opened(fetch(address, folder), address, folder)
        except FileNotFoundError as error:
            raise TerminalError(
                f"there is no file at {address}",
                received=error,
                next_step="correct ingest.source.path",
            ) from error

    def _opened(self, path: Path, address: str, folder: Path) -> Path:
        if self._source.member is not None:
            path = extracted(
                path, self._source.member, _subfolder(folder, len(list(folder.iterdir()))), address
            )
        verify(path, self._source, address)
        return path

    def _shaped(self, path: Path) -> pl.LazyFrame:
        """Return a file's rows with derived and renamed columns."""
        with _explained(path, self._source.format):
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

    def _spread_out(self, paths: list[Path], address: str) -> dict[str, list[Path]]:
        """Cut many-day files into a Parquet file a day; rows without a readable time go with the first day."""
        target = Path(tempfile.mkdtemp(dir=self._scratch.name))
        for number, path in enumerate(paths):
            frame = self._shaped(path)
            if self._event_time not in frame.collect_schema().names():
                raise TerminalError(
                    f"{path.name} has no column {self._event_time!r}",
                    received=", ".join(frame.collect_schema().names()),
                    allowed=self._event_time,
                    next_step="correct ingest.event_time, or give it in ingest.source.rename or derive",
                )
            day = pl.col(self._event_time).map_batches(
                _day_of, return_dtype=pl.String, is_elementwise=True
            )
            parts = pl.PartitionBy(target / f"{number:06}", key=DAY_COLUMN, include_key=False)
            with _explained(path, self._source.format):
                frame.with_columns(day.alias(DAY_COLUMN)).sink_parquet(
                    parts, mkdir=True, compression="lz4", maintain_order=True
                )
        return _by_day(target, address)


def _dated(path: str, day: date) -> str:
    return (
        path.replace("{yyyy}", f"{day:%Y}")
        .replace("{mm}", f"{day:%m}")
        .replace("{dd}", f"{day:%d}")
    )


def _local_matches(path: Path) -> list[Path]:
    """Return the files that a local glob stands for, in order; a path without a glob stands for itself."""
    first = next((n for n, part in enumerate(path.parts) if has_magic(part)), None)
    return (
        [path]
        if first is None
        else sorted(Path(*path.parts[:first]).glob("/".join(path.parts[first:])))
    )


def _subfolder(folder: Path, number: int) -> Path:
    """Return a new folder, so that files of the same name from several places do not meet."""
    made = folder / f"{number:06}"
    made.mkdir()
    return made


def _remote_files(address: str) -> list[str]:
    """Return the addresses that a remote glob stands for, in order; an address without a glob stands for itself."""
    import fsspec

    scheme = address.split("://", 1)[0]
    try:
        system = fsspec.filesystem(scheme)
        found = (
            system.glob(address)
            if has_magic(address)
            else [address]
            if system.exists(address)
            else []
        )
    except ImportError as error:
        raise TerminalError(
            f"{scheme}:// is not supported here",
            received=error,
            allowed="a local path, s3://, gs://, https://",
        ) from error
    except ValueError as error:
        raise TerminalError(
            f"{address} is no address that can be read",
            received=error,
            allowed="a local path, s3://, gs://, https://",
        ) from error
    except Exception as error:
        raise unreachable(address, error) from error
    return sorted(path if "://" in path else f"{scheme}://{path}" for path in found)


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
def _explained(path: Path, form: str) -> Iterator[None]:
    """Turn what reading raises into an error that names the file.

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


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame | None:
    """Return the rows of a day's files one below the other; a column that one file lacks is null there."""
    return pl.concat(frames, how="diagonal_relaxed") if frames else None


def _day_of(column: pl.Series) -> pl.Series:
    times = cast_column(blanks_to_null(column, "datetime"), "datetime")
    return times.dt.strftime("%Y-%m-%d").fill_null(UNDATED)


def _by_day(target: Path, address: str) -> dict[str, list[Path]]:
    """Return the spread files by day, in the order of the files that they came from."""
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
