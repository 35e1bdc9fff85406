"""The scores of models on the same rows: every prediction is made once, for all strategies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.backtest.strategies import StrategyRun
from airworthy.days import DAY, floor_day
from airworthy.evaluation.holdout import align_classes
from airworthy.evaluation.task_metrics import measure
from airworthy.handover import DatasetRef
from airworthy.replay import Replay, ReplayedModel
from airworthy.spec import ModelSpec
from airworthy.training.training_labels import encode_labels

BASELINE = "baseline"
_CHUNK = timedelta(weeks=1)


@dataclass(frozen=True)
class Scores:
    """Labels of rows and the predictions of each arm; the columns of classes have one order.

    Attributes:
        labels: Shape (rows,): values or class codes.
        predictions: Arm -> shape (rows,), or (rows, classes).
    """

    labels: Array
    predictions: Mapping[str, Array]

    def metrics(self, spec: ModelSpec) -> dict[str, dict[str, float]]:
        """Return arm -> metric -> value; empty without rows."""
        if not len(self.labels):
            return {}
        threshold = spec.evaluate.decision_threshold
        return {
            arm: measure(spec.task, self.labels, predictions, threshold)
            for arm, predictions in self.predictions.items()
        }


def join_scores(parts: Sequence[Scores]) -> Scores:
    """Return the scores of several parts as one; each part has the same arms."""
    filled = [part for part in parts if len(part.labels)]
    if not filled:
        return Scores(np.empty(0), {})
    return Scores(
        np.concatenate([part.labels for part in filled]),
        {
            arm: np.concatenate([part.predictions[arm] for part in filled])
            for arm in filled[0].predictions
        },
    )


class PredictionBook:
    """Predictions of models on the labelled rows of a replay's days.

    Rows of a class that the first champion does not know are left out, for all models.
    """

    def __init__(self, replay: Replay, dataset: DatasetRef, first: ReplayedModel) -> None:
        """Start with no prediction.

        Args:
            replay: The model's past days.
            dataset: Has these days.
            first: The first champion.
        """
        self._replay, self._dataset, self._first = replay, dataset, first
        self._rows: dict[datetime, tuple[pl.Series, pl.Series]] = {}
        self._predictions: dict[tuple[str, str, datetime], Array] = {}

    def score(
        self, start: datetime, end: datetime, runs: Mapping[str, StrategyRun], baseline: str | None
    ) -> Scores:
        """Score the rows of ``[start, end)`` with each strategy's champions.

        Args:
            start: A UTC midnight.
            end: A UTC midnight, exclusive.
            runs: Arm -> its run.
            baseline: The arm whose newest challenger's baseline is scored too; None: no baseline.
        """
        parts = [
            self._score_part(part, runs, baseline) for part in _parts(start, end, runs.values())
        ]
        return join_scores(parts)

    def _score_part(
        self,
        part: tuple[datetime, datetime],
        runs: Mapping[str, StrategyRun],
        baseline: str | None,
    ) -> Scores:
        chunk, (times, labels) = floor_chunk(part[0]), self._labelled(floor_chunk(part[0]))
        inside = ((times >= part[0]) & (times < part[1])).to_numpy()
        order, arms = self._order(runs), dict[str, Array]()
        for arm, run in runs.items():
            model = run.champion_at(part[0])
            values = self._predict(model, chunk)[inside]
            arms[arm] = align_classes(values, model.bundle.manifest.classes, order)
        if baseline is not None:
            model = runs[baseline].challenger_at(part[0])
            values = self._predict(model, chunk, BASELINE)[inside]
            arms[BASELINE] = align_classes(values, model.bundle.manifest.classes, order)
        return Scores(encode_labels(labels.filter(pl.Series(inside)), order), arms)

    def _order(self, runs: Mapping[str, StrategyRun]) -> list[str]:
        """Return the first champion's classes, then those of all other models by name."""
        known = self._first.bundle.manifest.classes
        models = [model for run in runs.values() for model in run.challengers]
        others = {name for model in models for name in model.bundle.manifest.classes}
        return [*known, *sorted(others - set(known))]

    def _labelled(self, chunk: datetime) -> tuple[pl.Series, pl.Series]:
        """Return the event times and the labels of a chunk's rows."""
        if chunk not in self._rows:
            rows, ingest = self._read(chunk), self._replay.spec.ingest
            self._rows[chunk] = rows[ingest.event_time], rows[ingest.label]
        return self._rows[chunk]

    def _predict(self, model: ReplayedModel, chunk: datetime, role: str = "model") -> Array:
        key = (model.key, role, chunk)
        if key not in self._predictions:
            rows = self._read(chunk)
            if role == BASELINE:
                values = model.baseline.predict(model.bundle.features.values(rows))
            else:
                values = model.bundle.predict(rows)
            self._predictions[key] = values.astype(np.float64)
        return self._predictions[key]

    def _read(self, chunk: datetime) -> pl.DataFrame:
        """Return a chunk's labelled rows of known classes."""
        window = self._dataset.window
        start, end = max(chunk, window.start), min(chunk + _CHUNK, window.end)
        frames = [
            self._known(frame) for frame in self._replay.partitions(self._dataset, start, end)
        ]
        return pl.concat(frames) if frames else self._empty()

    def _empty(self) -> pl.DataFrame:
        window = self._dataset.window
        frame = next(iter(self._replay.partitions(self._dataset, window.start, window.end)))
        return frame.clear()

    def _known(self, frame: pl.DataFrame) -> pl.DataFrame:
        classes = self._first.bundle.manifest.classes
        codes = encode_labels(frame[self._replay.spec.ingest.label], classes)
        return frame.filter(pl.Series(~np.isnan(codes)))


def floor_chunk(moment: datetime) -> datetime:
    """Return the Monday at or before a moment, UTC midnight."""
    day = floor_day(moment)
    return day - day.weekday() * DAY


def _parts(
    start: datetime, end: datetime, runs: Iterable[StrategyRun]
) -> Iterator[tuple[datetime, datetime]]:
    """Cut a time at every Monday, and at every change of a champion."""
    cuts = {change for run in runs for change in run.champion_changes}
    monday = floor_chunk(start) + _CHUNK
    while monday < end:
        cuts.add(monday)
        monday += _CHUNK
    inside = {cut for cut in cuts if start < cut < end}
    yield from pairwise(sorted({start, end, *inside}))
