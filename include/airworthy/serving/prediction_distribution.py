"""Distributions of predictions, for Prometheus.

A request only appends its predictions. They are counted in bins at a scrape, or when many are
pending. Numbers have fixed bin bounds for every model and every start, so two versions can be
compared: ten per decade, a third apart at most. Probabilities have bounds at twentieths, and finer
ones at the ends. Only bounds beside a bin with a count are shown. For a multiclass model the most
probable class is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.serving.loaded_model import LoadedModel
from airworthy.spec.evaluate_part import Task

_MAX_PENDING = 4096
_DECADE = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_UPWARDS = [float(f"{step}e{power}") for power in range(-3, 9) for step in _DECADE]
NUMBER_BOUNDS = np.array([*(-bound for bound in reversed(_UPWARDS)), 0.0, *_UPWARDS])
PROBABILITY_BOUNDS = np.array(
    [0.001, 0.01, *(step / 20 for step in range(1, 20)), 0.99, 0.999, 1.0]
)
LABELS = ("model", "version", "arm")
VALUES, VALUES_HELP = (
    "airworthy_prediction_value",
    "Predicted numbers, or probabilities of the positive class",
)
CLASSES, CLASSES_HELP = "airworthy_predicted_class", "Rows by most probable class"


def bounds_of(task: Task) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the bins' bounds, ascending, of a task with one number per row."""
    return PROBABILITY_BOUNDS if task == "binary" else NUMBER_BOUNDS


class Distribution:
    """The distribution of one version's predictions in one arm."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Start with none."""
        manifest = loaded.bundle.manifest
        self.classes = manifest.classes if manifest.task == "multiclass" else []
        self.sum = 0.0
        self._bounds = bounds_of(manifest.task)
        self._counts = np.zeros(len(self.classes) or len(self._bounds) + 1, dtype=np.int64)
        self._pending: list[Any] = []

    def extend(self, predictions: Sequence[Any]) -> None:
        """Add one prediction per row of an answer."""
        self._pending.extend(predictions)
        if len(self._pending) >= _MAX_PENDING:
            self._count()

    def counts(self) -> dict[str, int]:
        """Return, by class, the number of rows with it as the most probable class."""
        self._count()
        return dict(zip(self.classes, self._counts.tolist(), strict=True))

    def buckets(self) -> list[tuple[str, float]]:
        """Return upper bounds with cumulative counts, the last for all finite values."""
        self._count()
        filled = self._counts > 0
        cumulative = np.cumsum(self._counts)
        visible = np.flatnonzero(filled[:-1] | filled[1:])
        inner = [(str(float(self._bounds[index])), float(cumulative[index])) for index in visible]
        return [*inner, ("+Inf", float(cumulative[-1]))]

    def _count(self) -> None:
        if not self._pending:
            return
        values = np.asarray(self._pending, dtype=np.float64)
        self._pending = []
        if self.classes:
            bins = values.argmax(axis=1)
        else:
            values = values[np.isfinite(values)]
            bins = np.searchsorted(self._bounds, values)
            self.sum += float(values.sum())
        self._counts += np.bincount(bins, minlength=len(self._counts))


class Distributions(Collector):
    """The distributions of all versions and arms."""

    def __init__(self) -> None:
        """Start with none."""
        self._distributions: dict[tuple[str, str, str], Distribution] = {}

    def get(self, loaded: LoadedModel, arm: str) -> Distribution:
        """Return a version's distribution in an arm."""
        key = (loaded.model, loaded.version, arm)
        return self._distributions.get(key) or self._distributions.setdefault(
            key, Distribution(loaded)
        )

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        numbers = HistogramMetricFamily(VALUES, VALUES_HELP, labels=LABELS)
        classes = CounterMetricFamily(CLASSES, CLASSES_HELP, labels=(*LABELS, "class"))
        for key, distribution in self._distributions.items():
            if distribution.classes:
                for name, count in distribution.counts().items():
                    classes.add_metric([*key, name], count)
            else:
                numbers.add_metric(key, distribution.buckets(), distribution.sum)
        yield from (numbers, classes)
