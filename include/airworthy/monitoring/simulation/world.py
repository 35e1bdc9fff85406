"""A world to try the monitor on: days of a source, in memory, of which some may be changed; and a champion of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from airworthy.bundle import Manifest, ModelBundle
from airworthy.days import DAY, midnight
from airworthy.features import (
    FeatureSet,
    check_expressions,
    fit_features,
    load_expressions,
    polars_schema,
)
from airworthy.handover import Window
from airworthy.job import Job
from airworthy.lake.conform import conform, declared_columns
from airworthy.lake.sources import Source
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec
from airworthy.training.time_split import split_window
from airworthy.training.train_booster import base_parameters, fit_booster
from airworthy.training.training_labels import find_classes
from airworthy.training.training_rows import store_rows

MOST_ROUNDS = 150  # what is tried is the monitor: its champion need not be the best


@dataclass(frozen=True)
class Days:
    """Days of rows, behind the `Production` protocol; each day's name says what its rows are."""

    spec: ModelSpec
    rows: Mapping[date, pl.DataFrame]
    names: Mapping[date, str]

    def scan(self, span: Span) -> pl.LazyFrame:
        """Return a span's rows."""
        time_of = pl.col(self.spec.ingest.event_time)
        frames = [self.rows[day] for day in self._days(span)]
        schema = polars_schema(declared_columns(self.spec.ingest))
        whole = pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=schema)
        return whole.filter(time_of >= span.start, time_of < span.end)

    def labelled(self, span: Span) -> pl.LazyFrame:
        """Return the rows that have a label."""
        return self.scan(span).filter(pl.col(self.spec.ingest.label).is_not_null())

    def content(self, span: Span) -> str | None:
        """Return the names of the days."""
        return "-".join(self.names[day] for day in self._days(span)) or None

    def changed(self, rows: Mapping[date, pl.DataFrame], name: str) -> Days:
        """Return the same days, some of them with other rows."""
        names = {day: f"{name} {self.names[day]}" for day in rows}
        return Days(self.spec, {**self.rows, **rows}, {**self.names, **names})

    def frames(self, start: datetime, end: datetime) -> Iterator[pl.DataFrame]:
        """Return the days of ``[start, end)``, UTC midnights."""
        for day in self._days(Span(start, end)):
            yield self.rows[day]

    def _days(self, span: Span) -> list[date]:
        return [
            day
            for day in sorted(self.rows)
            if span.start < midnight(day) + DAY and midnight(day) < span.end
        ]


def read_days(spec: ModelSpec, source: Source, first: date, count: int, name: str) -> Days:
    """Read days of a source, as ingest would; a day for which it has nothing is left out."""
    found = {}
    for day in (first + number * DAY for number in range(count)):
        raw = source.read(day)
        if raw is not None and not raw.is_empty():
            found[day] = conform(raw, spec.ingest, day).rows
    return Days(spec, found, {day: f"{name} {day}" for day in found})


def train_champion(job: Job, days: Days, as_of: datetime, name: str) -> Champion:
    """Train a champion on the window before `as_of`, as the train stage does, with `MOST_ROUNDS` rounds at most.

    Raises:
        TerminalError: when the features or the labels cannot be used.
    """
    spec, path = job.spec, job.folder / "features.py"
    bounds = split_window(spec, Window.ending(as_of, spec.train.lookback))
    expressions = load_expressions(path, spec.model)
    learned = pl.concat(list(days.frames(bounds.start, bounds.holdout_start))).lazy()
    fitted = fit_features(expressions, check_expressions(expressions, spec.inputs, path), [learned])
    features, classes = FeatureSet(expressions, fitted), find_classes(spec, learned)
    rules = spec.train.model_copy(
        update={"rounds": min(spec.train.rounds, MOST_ROUNDS), "search": None}
    )
    with tempfile.TemporaryDirectory() as scratch:
        parts = ((bounds.start, bounds.tuning_start), (bounds.tuning_start, bounds.holdout_start))
        stored = [
            store_rows(
                Path(scratch) / str(number),
                days.frames(*part),
                features,
                spec.ingest.label,
                classes,
            )
            for number, part in enumerate(parts)
        ]
        booster = fit_booster(
            spec.model_copy(update={"train": rules}),
            base_parameters(spec, classes, {}),
            stored[0],
            stored[1],
        ).booster
    manifest = Manifest(
        model=spec.model, task=spec.task, inputs=spec.inputs, features=fitted, classes=classes
    )
    bundle = ModelBundle(manifest, features, booster)
    return Champion(
        version=name,
        run_id="",
        digest=name,
        bundle=bundle,
        importance=column_importance(bundle),
        rows=days,
        learned=Span(bounds.start, bounds.holdout_start),
        holdout=Span(bounds.holdout_start, bounds.end),
    )
