"""Measuring the curve: challengers of several ages, judged on the same rows of several holdouts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from airworthy.arrays import Array
from airworthy.bundle import ModelBundle
from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.evaluation.bootstrap import relative_loss
from airworthy.evaluation.holdout import Scored, aligned, score_holdout
from airworthy.evaluation.task_metrics import measure
from airworthy.job import Job
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.registry.registry import Registry
from airworthy.replay import Past, ReplayedModel
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.staleness.curve import (
    AgedLoss,
    AgePoint,
    LeftOut,
    StalenessCurve,
    find_limit,
    holdout_ends,
)

Tell = Callable[[int, int, str], None]
FRESH = "challenger"  # the role that says which rows and classes count


class RegisteredModels:
    """Versions that were made before: a challenger with the same key need not be trained again."""

    def __init__(self, registry: Registry, model: str) -> None:
        """Keep where to look; `taken` has the version of every key that was found."""
        self._registry, self._model = registry, model
        self.taken: dict[str, str] = {}

    def __call__(self, key: str) -> ModelBundle | None:
        """Return the model that was registered under a key; None when there is none."""
        versions = self._registry.versions(self._model, key)
        if not versions:
            return None
        self.taken[key] = str(versions[0].version)
        return ModelBundle.load(*self._registry.bundle(self._model, self.taken[key]))


@dataclass(frozen=True)
class Compared:
    """The models of several ages, and what they said of one holdout."""

    as_of: datetime
    models: dict[int, ReplayedModel]
    scored: Scored


def measure_staleness(
    job: Job,
    registered: RegisteredModels,
    end: datetime,
    windows: int,
    ages: Sequence[int],
    tell: Tell,
) -> StalenessCurve:
    """Measure how a model's quality decays with its age.

    Args:
        job: Whose model; nothing of its environment is changed.
        registered: Versions that need not be trained again.
        end: Up to when the newest fresh challenger sees data, a UTC midnight.
        windows: On how many holdouts, spread over the past.
        ages: In days, 0 first.
        tell: Is told how many challengers are done, of how many, and which one is next.

    Raises:
        TerminalError: when no age could be tried on any holdout.
        TransientError: when the source, the lake or MLflow cannot be reached.
    """
    spec = job.spec
    ends = holdout_ends(end, windows, spec.train.holdout)
    scratch = job.environment.state / "scratch" / spec.model
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        past = Past(job, Path(folder))
        left_out: list[LeftOut] = []
        judged = list(_judge(past, registered, ends, ages, left_out, tell))
    if not any(len(each.models) > 1 for each in judged):
        raise _nothing_tried(job, left_out)
    return _curve(spec, registered, end, judged, left_out)


def _judge(
    past: Past,
    registered: RegisteredModels,
    ends: Sequence[datetime],
    ages: Sequence[int],
    left_out: list[LeftOut],
    tell: Tell,
) -> Iterator[Compared]:
    for number, end in enumerate(ends):
        models: dict[int, ReplayedModel] = {}
        for place, age in enumerate(ages):
            as_of = end - age * DAY
            tell(number * len(ages) + place, len(ends) * len(ages), f"{age}d old on {end:%Y-%m-%d}")
            found = _train(past, registered, as_of)
            if isinstance(found, str):
                left_out.append(LeftOut(age=age, as_of=end, why=found))
                if age == 0:  # there is nothing to hold the others against
                    break
            else:
                models[age] = found
        scored = _score(past.spec, models)
        if scored is not None:
            yield Compared(end, models, scored)
    tell(len(ends) * len(ages), len(ends) * len(ages), "done")


def _train(past: Past, registered: RegisteredModels, as_of: datetime) -> ReplayedModel | str:
    """Return a challenger, or why there is none: one that learned from fewer days would not show its age alone."""
    lookback, since = past.spec.train.lookback, past.spec.start
    if as_of - lookback < midnight(since):
        return f"its {format_duration(lookback)} of data would begin before {since}, where the model's data begin"
    try:
        return past.challenger(as_of, registered)
    except TerminalError as error:
        return error.problem


def _score(spec: ModelSpec, models: dict[int, ReplayedModel]) -> Scored | None:
    """Return what the models say of the fresh one's holdout; None without it, or without a labelled row."""
    if 0 not in models:
        return None
    fresh = models[0]
    bundles = {FRESH if age == 0 else str(age): model.bundle for age, model in models.items()}
    bounds = fresh.material.bounds
    frames = fresh.material.partitions(bounds.holdout_start, bounds.end)
    return score_holdout(spec, frames, bundles, fresh.baseline)


def _nothing_tried(job: Job, left_out: Sequence[LeftOut]) -> TerminalError:
    reasons = dict.fromkeys(
        f"{each.age}d as of {each.as_of:%Y-%m-%d}: {each.why}" for each in left_out
    )
    return TerminalError(
        "no age could be compared with a model of the day",
        model=job.spec.model,
        received="; ".join(reasons) or "holdouts without a labelled row",
        allowed=f"{format_duration(job.spec.train.lookback)} of data before the oldest challenger's day",
        next_step=f"airworthy staleness {job.spec.model} with smaller --ages, fewer --windows or a later --as-of",
    )


def _curve(
    spec: ModelSpec,
    registered: RegisteredModels,
    end: datetime,
    judged: Sequence[Compared],
    left_out: list[LeftOut],
) -> StalenessCurve:
    ages = sorted({age for each in judged for age in each.models})
    points = [
        _point(spec, age, [each.scored for each in judged if age in each.models]) for age in ages
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
        windows=[loss for each in judged for loss in _losses(spec, registered, each)],
        left_out=left_out,
        limit=find_limit(points, max_loss),
    )


def _losses(spec: ModelSpec, registered: RegisteredModels, judged: Compared) -> Iterator[AgedLoss]:
    for age, model in judged.models.items():
        point = _point(spec, age, [judged.scored])
        yield AgedLoss(
            age=age,
            as_of=judged.as_of,
            rows=point.rows,
            value=point.value,
            loss=point.loss,
            low=point.low,
            high=point.high,
            version=registered.taken.get(model.key),
        )


def _point(spec: ModelSpec, age: int, scored: Sequence[Scored]) -> AgePoint:
    """Compare an age with the fresh challengers on all rows of some holdouts: both on the same resampled rows."""
    rules, metric = spec.evaluate, METRIC_OF_TASK[spec.task]
    labels, days, aged, fresh = _pooled(scored, FRESH if age == 0 else str(age))
    loss, low, high = relative_loss(
        spec.task,
        metric,
        labels,
        aged,
        fresh,
        days=days,
        threshold=rules.decision_threshold,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=spec.train.seed,
    )
    values = [
        measure(spec.task, labels, rows, rules.decision_threshold)[metric] for rows in (aged, fresh)
    ]
    return AgePoint(
        age=age,
        windows=len(scored),
        rows=len(labels),
        value=values[0],
        fresh=values[1],
        loss=loss,
        low=low,
        high=high,
    )


def _pooled(scored: Sequence[Scored], role: str) -> tuple[Array, Array, Array, Array]:
    """Return labels, days, and both models' predictions over several holdouts; classes in one order for all."""
    order = list(dict.fromkeys(name for each in scored for name in each.classes))
    labels, days, aged, fresh = [], [], [], []
    for number, each in enumerate(scored):
        codes = np.array([order.index(name) for name in each.classes], dtype=np.float64)
        labels.append(codes[each.labels.astype(int)] if each.classes else each.labels)
        days.append(each.days + number * 100_000)  # days of other holdouts are other days
        aged.append(aligned(each.predictions[role], each.classes, order))
        fresh.append(aligned(each.predictions[FRESH], each.classes, order))
    return np.concatenate(labels), np.concatenate(days), np.concatenate(aged), np.concatenate(fresh)
