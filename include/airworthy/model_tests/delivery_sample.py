"""Puts a bounded sample of a model's newest rows, and a copy of the model, into a folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import yaml

from airworthy.errors import TerminalError
from airworthy.job import Job
from airworthy.spec.data_end import data_end
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.read_yaml import read_mapping

if TYPE_CHECKING:
    import polars as pl

MAX_ROWS, MAX_ROWS_OF_A_DAY, MAX_DAYS, MAX_SECONDS = 60_000, 2_000, 366, 60.0
_MIN_DAYS = 2


@dataclass(frozen=True)
class DeliverySample:
    """The sample of a delivery: its days, its rows, and whether rows of a day were left out."""

    first: date
    days: int
    rows: int
    cut: bool


def write_sample(job: Job, folder: Path, days: int | None) -> DeliverySample:
    """Write a Parquet file of raw rows for each day before the job's `as_of`, the newest first.

    It stops at the spec's lookback, at `MAX_ROWS`, or after `MAX_SECONDS`.

    Args:
        job: Names the model.
        folder: The folder for the files; it is made.
        days: Largest number of days; None: those of the lookback.

    Raises:
        TerminalError: when the source is wrong, or has rows of fewer than two days.
        TransientError: when it cannot be reached.
    """
    from airworthy.lake.sources import open_source

    folder.mkdir(parents=True)
    source, until = open_source(job), time.monotonic() + MAX_SECONDS
    last, rows, cut, found = job.run.as_of.date() - timedelta(days=1), 0, False, []
    static = job.spec.ingest.static
    if static:
        last = job.spec.start
    for number in range(1 if static else min(job.spec.train.lookback.days, days or MAX_DAYS)):
        day = last - timedelta(days=number)
        if day < job.spec.start or rows >= MAX_ROWS or time.monotonic() > until:
            break
        raw = source.read(day)
        if raw is None or raw.is_empty():
            continue
        sampled = _sampled(raw)
        _write(sampled, folder / f"{day}.parquet")
        found.append(day)
        rows += sampled.height
        cut = cut or sampled.height < raw.height
    if len(found) < (1 if static else _MIN_DAYS):
        raise TerminalError(
            "the source has too few days for a delivery",
            received=f"{len(found)} days with rows up to {last}: {source.describe()}",
            allowed=f"{_MIN_DAYS} or more",
            next_step="check ingest.source, or set delivery.as_of in tests.yaml",
        )
    return DeliverySample(found[-1], (last - found[-1]).days + 1, rows, cut)


def write_model(job: Job, sample: DeliverySample, rows: Path, models: Path) -> None:
    """Write a copy of the model that reads the sample, needs no approval and is released at once.

    Args:
        job: Names the model.
        sample: The sample.
        rows: The folder of its files.
        models: The folder for the copy.
    """
    folder = models / job.spec.model
    folder.mkdir(parents=True)
    for path in job.folder.iterdir():
        if path.suffix == ".py":
            copyfile(path, folder / path.name)
        elif path.name not in (SPEC_FILE, "__pycache__"):
            (folder / path.name).symlink_to(path.absolute())
    text = yaml.safe_dump(_sample_spec(job, sample, rows), sort_keys=False, allow_unicode=True)
    (folder / SPEC_FILE).write_text(text, encoding="utf-8")


def delivery_end(spec: ModelSpec, as_of: date | None) -> datetime:
    """Return the exclusive end of a delivery's data: the given day, else that of the newest data."""
    day = as_of or data_end(spec, datetime.now(UTC).date())
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _sampled(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.gather_every(-(-raw.height // MAX_ROWS_OF_A_DAY))


def _write(rows: pl.DataFrame, path: Path) -> None:
    import polars as pl

    try:
        rows.write_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise TerminalError(
            "a sample of the source cannot be kept as Parquet",
            received=str(error).splitlines()[0],
            allowed="columns of numbers, texts, booleans and times",
            next_step="cast the column in the source's query",
        ) from error


def _sample_spec(job: Job, sample: DeliverySample, rows: Path) -> dict[str, Any]:
    spec: Any = read_mapping(job.folder / SPEC_FILE)
    # Not one file for each day: a few rows of the source may be of another day than they came with.
    path = str(rows / "*.parquet")
    spec["ingest"]["source"] = {"type": "files", "format": "parquet", "path": path}
    spec["ingest"].pop("asset", None)
    spec["start"] = str(sample.first)
    lookback, holdout = job.spec.train.lookback.days, job.spec.train.holdout.days
    if sample.days < lookback and not job.spec.ingest.static:
        held = max(1, min(holdout, sample.days // 3))
        spec["train"].update(lookback=f"{sample.days}d", holdout=f"{held}d")
    if sample.days < lookback or sample.cut:
        spec["train"]["min_rows"] = min(job.spec.train.min_rows, 10)
    if sample.cut and spec.get("validate"):
        spec["validate"]["expectations"] = _without_row_counts(spec["validate"])
    release = dict(spec.get("release") or {})
    spec["release"] = {**release, "approval": "auto", "rollout": ["full"]}
    return dict(spec)


def _without_row_counts(validate: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the expectations that hold for a part of a day's rows too."""
    expectations = validate.get("expectations") or []
    return [each for each in expectations if not each["type"].startswith("expect_table_row_count")]
