"""The quality that is promised of a model, and figures beside it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from airworthy.handover import PerformanceCheck
from airworthy.model_status.model_summary import Quality
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import LOSS_OF_TASK, LOWER_IS_BETTER


@dataclass(frozen=True)
class Promise:
    """The promise of a spec.

    Attributes:
        metric: The metric of the first gate without a comparison and without a slice, that of the
            task's loss before others; without one, the task's loss.
        limit: This gate's limit; None: there is none, and the figure at the champion's release is
            the promise.
        higher_is_better: Whether a larger value is better.
        max_loss: The share by which a figure may be worse than that of the release:
            ``monitor.performance.max_loss``.
    """

    metric: str
    limit: float | None
    higher_is_better: bool
    max_loss: float

    def kept(self, value: float, at_release: float | None) -> bool | None:
        """Return whether a value keeps the promise; None: nothing is promised.

        Args:
            value: The value.
            at_release: The champion's own figure at its release, or None.
        """
        promised = self.limit
        if promised is None:
            if at_release is None:
                return None
            allowed = abs(at_release) * self.max_loss
            promised = at_release - allowed if self.higher_is_better else at_release + allowed
        return value >= promised if self.higher_is_better else value <= promised


def promise_of(spec: ModelSpec) -> Promise:
    """Return the promise of a spec."""
    loss = LOSS_OF_TASK[spec.task]
    gates = [each for each in spec.evaluate.gates if each.against is None and each.slice is None]
    gates.sort(key=lambda gate: gate.metric != loss)
    max_loss = spec.monitor.performance.max_loss
    if not gates:
        return Promise(loss, None, loss not in LOWER_IS_BETTER, max_loss)
    gate = gates[0]
    both = gate.min is not None and gate.max is not None
    higher = gate.metric not in LOWER_IS_BETTER if both else gate.max is None
    return Promise(gate.metric, gate.min if higher else gate.max, higher, max_loss)


def live_quality(promise: Promise, check: PerformanceCheck) -> Quality | None:
    """Return the quality in a window of live rows with labels; None: it was not measured.

    A metric that the monitor does not measure, such as the KPI, is replaced by the task's loss, with
    the figure of the holdout as its promise.

    Args:
        promise: The spec's promise.
        check: The monitor's check.
    """
    value = check.metrics.get(promise.metric)
    if check.value is None or (value is not None and not math.isfinite(value)):
        return None
    if promise.limit is not None and value is not None:
        return Quality(
            metric=promise.metric,
            value=value,
            promised=promise.limit,
            higher_is_better=promise.higher_is_better,
            kept=promise.kept(value, None),
            measured_on="live",
            at=check.end.isoformat(),
        )
    if not math.isfinite(check.value):
        return None
    return Quality(
        metric=check.metric,
        value=check.value,
        promised=check.expected,
        higher_is_better=check.metric not in LOWER_IS_BETTER,
        kept=None if check.expected is None else check.outcome != "fired",
        measured_on="live",
        at=check.end.isoformat(),
    )


def holdout_quality(
    promise: Promise, metrics: dict[str, float], released: dict[str, float], at: str
) -> Quality | None:
    """Return the champion's quality on a holdout; None: the metric was not measured.

    Args:
        promise: The spec's promise.
        metrics: Its metrics on the holdout.
        released: Its metrics on the holdout of its own training; empty: not known.
        at: The exclusive end of the data, ISO 8601.
    """
    value = metrics.get(promise.metric)
    if value is None or not math.isfinite(value):
        return None
    at_release = released.get(promise.metric)
    return Quality(
        metric=promise.metric,
        value=value,
        promised=at_release if promise.limit is None else promise.limit,
        higher_is_better=promise.higher_is_better,
        kept=promise.kept(value, at_release),
        measured_on="holdout",
        at=at,
    )
