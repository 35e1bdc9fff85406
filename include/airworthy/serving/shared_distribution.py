"""The distributions of predictions of one worker among several; see `SharedMetrics`.

Each answer is counted at once, so that a worker that is killed loses none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np
from prometheus_client import Counter, values

from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.prediction_distribution import (
    CLASSES,
    CLASSES_HELP,
    LABELS,
    VALUES,
    VALUES_HELP,
    bounds_of,
)


class CountsPredictions(Protocol):
    """Counts one version's predictions in one arm."""

    def extend(self, predictions: Sequence[Any]) -> None:
        """Add one prediction per row of an answer."""
        ...


class SharedDistributions:
    """The distributions of all versions and arms, as one worker counts them."""

    def __init__(self) -> None:
        """Start with none."""
        self._classes = Counter(CLASSES, CLASSES_HELP, (*LABELS, "class"), registry=None)
        self._distributions: dict[tuple[str, str, str], CountsPredictions] = {}

    def get(self, loaded: LoadedModel, arm: str) -> CountsPredictions:
        """Return a version's distribution in an arm."""
        key = (loaded.model, loaded.version, arm)
        if key not in self._distributions:
            self._distributions[key] = self._create(loaded, key)
        return self._distributions[key]

    def _create(self, loaded: LoadedModel, key: tuple[str, str, str]) -> CountsPredictions:
        manifest = loaded.bundle.manifest
        if manifest.task == "multiclass":
            return _Classes([self._classes.labels(*key, name) for name in manifest.classes])
        return _Values(key, bounds_of(manifest.task).tolist())


class _Classes:
    def __init__(self, counters: list[Counter]) -> None:
        self._counters = counters

    def extend(self, predictions: Sequence[Any]) -> None:
        best = np.asarray(predictions, dtype=np.float64).argmax(axis=1)
        for code, count in enumerate(np.bincount(best).tolist()):
            if count:
                self._counters[code].inc(count)


class _Values:
    """A histogram. Only bounds beside a bin with a count are in the file."""

    def __init__(self, key: tuple[str, str, str], bounds: list[float]) -> None:
        self._key = key
        self._bounds = bounds
        self._bins: dict[int, Any] = {}
        self._bin(len(bounds))
        self._sum = self._value("_sum", LABELS, key)

    def extend(self, predictions: Sequence[Any]) -> None:
        counts: dict[int, int] = {}
        finite = [value for value in predictions if isfinite(value)]
        for value in finite:
            index = bisect_left(self._bounds, value)
            counts[index] = counts.get(index, 0) + 1
        for index, count in counts.items():
            (self._bins.get(index) or self._add_bin(index)).inc(count)
        self._sum.inc(sum(finite))

    def _add_bin(self, index: int) -> Any:
        if index > 0:
            self._bin(index - 1)
        self._bins[index] = self._bin(index)
        return self._bins[index]

    def _bin(self, index: int) -> Any:
        """Return a bin's count in the file. One that is there already goes on."""
        bound = str(self._bounds[index]) if index < len(self._bounds) else "+Inf"
        return self._value("_bucket", (*LABELS, "le"), (*self._key, bound))

    def _value(self, suffix: str, labels: tuple[str, ...], of: tuple[str, ...]) -> Any:
        return values.ValueClass("histogram", VALUES, VALUES + suffix, labels, of, VALUES_HELP)
