"""Reads a sample of a model's rows from its source, bounded in days, rows and seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import polars as pl

    from airworthy.job import Job

MAX_DAYS, MAX_ROWS, MAX_ROWS_OF_A_DAY, MAX_SECONDS = 60, 20_000, 500, 10.0
_NEWEST_DAYS, _YEAR, _STRIDE = 7, timedelta(days=365), 8


class NoSampleError(TerminalError):
    """The source gave no row to measure; nothing was read or written elsewhere.

    Attributes:
        misfit: The error of a source that was read and does not fit the spec; None: it was not read.
        days: The source's own first and last day, where it can tell; else None.
    """

    consequence = ""
    misfit: TerminalError | None = None
    days: tuple[date, date] | None = None


@dataclass(frozen=True)
class Sample:
    """Conformed rows of a source, as the lake would have them, of this number of days.

    `rows_of_days` has the source's rows of every day that was read, also of days without rows.
    """

    rows: pl.DataFrame
    days: int
    rows_of_days: tuple[int, ...] = ()


def read_sample(
    path: Path, spec: ModelSpec, environment: Environment, seconds: float = MAX_SECONDS
) -> Sample:
    """Read a sample: the newest days, then days spread over the last year.

    Args:
        path: The ``model.yaml``; relative paths of the source are relative to its folder.
        spec: The model's spec.
        environment: Gives the download cache.
        seconds: Reading stops after this time. The days read until then are the sample.

    Raises:
        NoSampleError: when no row was read, with the reason.
    """
    reading = _Reading(_job(path, spec, environment))
    # A source may block for minutes. Python cannot stop a thread: a daemon ends with the process.
    thread = Thread(target=reading.run, name="source-sample", daemon=True)
    thread.start()
    thread.join(seconds)
    reading.stopped = True
    frames = list(reading.frames)
    if not frames and reading.misfit is not None:
        found = NoSampleError(reading.misfit.problem, received=reading.misfit.received)
        found.misfit = reading.misfit
        raise found
    if frames:
        import polars as pl

        return Sample(pl.concat(frames), len(frames), tuple(reading.rows_of_days))
    if thread.is_alive():
        raise NoSampleError(f"the source gave no row within {seconds:g} s")
    if reading.error is not None:
        raise NoSampleError(reading.error.problem, received=reading.error.received)
    nothing = NoSampleError("the source has no row of these days", received=reading.source)
    nothing.days = reading.days
    raise nothing


def sampled_days(spec: ModelSpec, today: date) -> list[date]:
    """Return the days to read, at most `MAX_DAYS`: the newest first, then spread over a year."""
    if spec.ingest.static:
        return [spec.start]
    last = min(spec.end or today, today - timedelta(days=1))
    first = max(spec.start, last - _YEAR + timedelta(days=1))
    every = [last - timedelta(days=number) for number in range((last - first).days + 1)]
    newest, older = every[:_NEWEST_DAYS], every[_NEWEST_DAYS:]
    # A source that is slow stops early: even then its days are spread over the year.
    strides = [day for start in range(_STRIDE) for day in older[start::_STRIDE]]
    return [*newest, *strides][:MAX_DAYS]


@dataclass
class _Reading:
    """One reading of a sample, in a thread of its own."""

    job: Job
    frames: list[pl.DataFrame] = field(default_factory=list)
    rows_of_days: list[int] = field(default_factory=list)
    error: AirworthyError | None = None
    misfit: TerminalError | None = None
    days: tuple[date, date] | None = None
    source: str = ""
    stopped: bool = False

    def run(self) -> None:
        """Read until there are enough rows, the days are over, or the source is out of reach."""
        try:
            self._read_days()
        except AirworthyError as error:
            self.error = self.error or error
        except Exception as error:
            # Drivers and file systems raise too many types to list, and check must not fail.
            problem = f"the source cannot be read: {type(error).__name__}: {error}"
            self.error = self.error or TerminalError(problem)

    def _read_days(self) -> None:
        from airworthy.lake.sources import DatedSource, open_source
        from airworthy.lake.sources.source import MissingSourceError

        source, rows = open_source(self.job), 0
        self.source = source.describe()
        for day in sampled_days(self.job.spec, datetime.now(UTC).date()):
            if self.stopped or rows >= MAX_ROWS:
                return
            try:
                raw = source.read(day)
            except TransientError:
                raise
            except TerminalError as error:
                # The file of one day may be missing, and the others may be there.
                self.error = self.error or error
                if self.job.spec.ingest.source.type == "files":
                    is_there = not isinstance(error, MissingSourceError)
                    self.misfit = self.misfit or (error if is_there else None)
                continue
            self.rows_of_days.append(0 if raw is None else raw.height)
            if raw is not None and not raw.is_empty():
                rows += self._add(raw, day)
        if not self.frames and isinstance(source, DatedSource):
            self.days = source.days()

    def _add(self, raw: pl.DataFrame, day: date) -> int:
        from airworthy.lake.conform import conform

        every = -(-raw.height // MAX_ROWS_OF_A_DAY)
        try:
            frame = conform(raw.gather_every(every), self.job.spec.ingest, day).rows
        except TerminalError as error:
            self.error = self.error or error
            self.misfit = self.misfit or error
            return 0
        if frame.is_empty():
            return 0
        self.frames.append(frame)
        return frame.height


def _job(path: Path, spec: ModelSpec, environment: Environment) -> Job:
    from airworthy.handover import RunRequest
    from airworthy.job import Job

    models = environment.model_copy(update={"models": path.absolute().parent.parent})
    run = RunRequest(model=spec.model, as_of=datetime.now(UTC), reason="manual", run_id="check")
    return Job(spec, models, run)
