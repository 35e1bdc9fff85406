"""How predictions are distributed, for Prometheus: counted in bins when somebody looks, or when many have come.

A request only hands its predictions over. Numbers are counted in bins whose bounds are the same for every model and at
every start (ten a decade, a third apart at most; of probabilities, twentieths and finer at the ends), so that two
versions can be compared; only bounds beside a bin that was ever hit are shown. Of several classes the most probable
one is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.serving.loaded_model import LoadedModel

_AT_ONCE = 4096
_DECADE = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_UPWARDS = [float(f"{step}e{power}") for power in range(-3, 9) for step in _DECADE]
NUMBER_BOUNDS = np.array([*(-bound for bound in reversed(_UPWARDS)), 0.0, *_UPWARDS])
PROBABILITY_BOUNDS = np.array(
    [0.001, 0.01, *(step / 20 for step in range(1, 20)), 0.99, 0.999, 1.0]
)
_LABELS = ("model", "version", "arm")


class Distribution:
    """The predictions of one version in one arm."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Start with none."""
        manifest = loaded.bundle.manifest
        self.classes = manifest.classes if manifest.task == "multiclass" else []
        self.sum = 0.0
        self._bounds = PROBABILITY_BOUNDS if manifest.task == "binary" else NUMBER_BOUNDS
        self._counts = np.zeros(len(self.classes) or len(self._bounds) + 1, dtype=np.int64)
        self._waiting: list[Any] = []

    def extend(self, predictions: Sequence[Any]) -> None:
        """Take one prediction per row of an answer."""
        self._waiting.extend(predictions)
        if len(self._waiting) >= _AT_ONCE:
            self._count()

    def counts(self) -> dict[str, int]:
        """Return how often each class was the most probable one."""
        self._count()
        return dict(zip(self.classes, self._counts.tolist(), strict=True))

    def buckets(self) -> list[tuple[str, float]]:
        """Return bounds and how many predictions were not above each, the last of them all; NaN is none."""
        self._count()
        hit = self._counts > 0
        upto = np.cumsum(self._counts)
        shown = np.flatnonzero(hit[:-1] | hit[1:])
        inner = [(str(float(self._bounds[place])), float(upto[place])) for place in shown]
        return [*inner, ("+Inf", float(upto[-1]))]

    def _count(self) -> None:
        if not self._waiting:
            return
        values, self._waiting = np.asarray(self._waiting, dtype=np.float64), []
        if self.classes:
            places = values.argmax(axis=1)
        else:
            values = values[np.isfinite(values)]
            places = np.searchsorted(self._bounds, values)
            self.sum += float(values.sum())
        self._counts += np.bincount(places, minlength=len(self._counts))


class Distributions(Collector):
    """The distributions of all versions and arms."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[tuple[str, str, str], Distribution] = {}

    def of(self, loaded: LoadedModel, arm: str) -> Distribution:
        """Return a version's distribution in an arm."""
        key = (loaded.model, loaded.version, arm)
        return self._known.get(key) or self._known.setdefault(key, Distribution(loaded))

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        numbers = HistogramMetricFamily(
            "airworthy_prediction_value",
            "Predicted numbers, or probabilities of the positive class",
            labels=_LABELS,
        )
        classes = CounterMetricFamily(
            "airworthy_predicted_class", "Rows by most probable class", labels=(*_LABELS, "class")
        )
        for key, distribution in self._known.items():
            if distribution.classes:
                for name, count in distribution.counts().items():
                    classes.add_metric([*key, name], count)
            else:
                numbers.add_metric(key, distribution.buckets(), distribution.sum)
        yield from (numbers, classes)
