"""Measures staleness: aged challengers against a fresh one, on its holdout, several times."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from airworthy.arrays import Array
from airworthy.errors import TerminalError
from airworthy.evaluation.bootstrap import BootstrapSettings, relative_loss
from airworthy.evaluation.holdout import ScoredHoldout, align_classes
from airworthy.evaluation.task_metrics import TaskMetric, measure
from airworthy.job import Job
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.monitoring.static_rows import require_time
from airworthy.progress import Progress
from airworthy.replay import Replay
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.staleness.age_comparison import (
    FRESH,
    AgeComparison,
    ComparedAges,
    RegisteredModels,
    StalenessPlan,
)
from airworthy.staleness.curve import (
    AgedLoss,
    AgePoint,
    SkippedAge,
    StalenessCurve,
    find_limit,
)


def measure_staleness(
    job: Job, registered: RegisteredModels, plan: StalenessPlan, report: Progress
) -> StalenessCurve:
    """Measure how a model's error grows with its age. Nothing in the job's environment is changed.

    Args:
        job: The model's job.
        registered: Versions that need not be trained again.
        plan: The ages and holdouts.
        report: Called with the number of finished challengers, of all, and the next one's name.

    Raises:
        TerminalError: when no age could be compared on any holdout.
        TransientError: when the source, the lake or MLflow cannot be reached.
    """
    require_time(job.spec, "staleness")
    scratch = job.environment.state / "scratch" / job.spec.model
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        comparison = AgeComparison(Replay(job, Path(folder)), registered, plan, report)
        compared = list(comparison.run())
    if not any(len(each.models) > 1 for each in compared):
        raise _nothing_compared(job, comparison.skipped)
    return _curve(job.spec, registered, plan.end, compared, comparison.skipped)


def _nothing_compared(job: Job, skipped: Sequence[SkippedAge]) -> TerminalError:
    reasons = dict.fromkeys(
        f"{each.age}d as of {each.as_of:%Y-%m-%d}: {each.why}" for each in skipped
    )
    lookback = format_duration(job.spec.train.lookback)
    return TerminalError(
        "no age could be compared with a model of the day",
        model=job.spec.model,
        received="; ".join(reasons) or "holdouts without a labelled row",
        allowed=f"{lookback} of data before the oldest challenger's day",
        next_step=f"airworthy staleness {job.spec.model} with smaller --ages, "
        "fewer --windows or a later --as-of",
    )


def _curve(
    spec: ModelSpec,
    registered: RegisteredModels,
    end: datetime,
    compared: Sequence[ComparedAges],
    skipped: list[SkippedAge],
) -> StalenessCurve:
    ages = sorted({age for each in compared for age in each.models})
    points = [
        _point(spec, age, [each.scored for each in compared if age in each.models]) for age in ages
    ]
    max_loss = spec.monitor.performance.max_loss
    return StalenessCurve(
        model=spec.model,
        end=end,
        metric=METRIC_OF_TASK[spec.task],
        confidence=spec.evaluate.confidence,
        max_loss=max_loss,
        holdout=format_duration(spec.train.holdout),
        points=points,
        windows=[loss for each in compared for loss in _aged_losses(spec, registered, each)],
        left_out=skipped,
        limit=find_limit(points, max_loss),
    )


def _aged_losses(
    spec: ModelSpec, registered: RegisteredModels, compared: ComparedAges
) -> Iterator[AgedLoss]:
    for age, model in compared.models.items():
        point = _point(spec, age, [compared.scored])
        yield AgedLoss(
            age=age,
            as_of=compared.as_of,
            rows=point.rows,
            value=point.value,
            loss=point.loss,
            low=point.low,
            high=point.high,
            version=registered.reused.get(model.key),
        )


def _point(spec: ModelSpec, age: int, scored: Sequence[ScoredHoldout]) -> AgePoint:
    """Compare an age with the fresh challengers on all rows of some holdouts.

    Both are measured on the same resampled rows.
    """
    name, threshold = METRIC_OF_TASK[spec.task], spec.evaluate.decision_threshold
    labels, days, aged, fresh = _pool(scored, FRESH if age == 0 else str(age))
    loss = relative_loss(
        TaskMetric(spec.task, name, threshold),
        labels,
        aged,
        fresh,
        days=days,
        settings=BootstrapSettings.of(spec),
    )
    return AgePoint(
        age=age,
        windows=len(scored),
        rows=len(labels),
        value=measure(spec.task, labels, aged, threshold)[name],
        fresh=measure(spec.task, labels, fresh, threshold)[name],
        loss=loss.point,
        low=loss.low,
        high=loss.high,
    )


def _pool(scored: Sequence[ScoredHoldout], role: str) -> tuple[Array, Array, Array, Array]:
    """Return labels, days, and both models' predictions over several holdouts.

    Classes have one order for all holdouts.
    """
    order = list(dict.fromkeys(name for each in scored for name in each.classes))
    labels, days, aged, fresh = [], [], [], []
    for number, each in enumerate(scored):
        codes = np.array([order.index(name) for name in each.classes], dtype=np.float64)
        labels.append(codes[each.labels.astype(int)] if each.classes else each.labels)
        days.append(each.days + number * 100_000)  # no day is in two holdouts
        aged.append(align_classes(each.predictions[role], each.classes, order))
        fresh.append(align_classes(each.predictions[FRESH], each.classes, order))
    return np.concatenate(labels), np.concatenate(days), np.concatenate(aged), np.concatenate(fresh)
