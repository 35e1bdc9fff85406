"""Checks that each part of the rows has the classes that it needs."""

from __future__ import annotations

import polars as pl

from airworthy.errors import TerminalError
from airworthy.training.fitting import TrainingData

_SHOWN = 10


def require_classes(data: TrainingData) -> None:
    """Check the classes of the rows to fit on, of those to tune on, and of the holdout.

    A challenger cannot know a class without a row to fit on. A binary task needs both classes in
    each part: with one, nothing can be stopped early or measured.

    Raises:
        TerminalError: when a part lacks a class. It names classes, counts and days.
        TransientError: when the lake cannot be reached.
    """
    spec, bounds = data.job.spec, data.bounds
    if spec.task == "regression":
        return
    cuts = [bounds.start, bounds.tuning_start, bounds.holdout_start, bounds.end]
    names = ("the days to fit on", "the days that stop the rounds early", "the holdout")
    parts = {
        f"{name} [{start:%Y-%m-%d}, {end:%Y-%m-%d})": _counts(
            data.lake.scan(data.dataset, start, end), spec.ingest.label
        )
        for name, start, end in zip(names, cuts[:-1], cuts[1:], strict=True)
    }
    if not all(parts.values()):
        return  # A part without any label has an error of its own.
    lacking = _unknown(parts) if spec.task == "multiclass" else _single(parts)
    if not lacking:
        return
    raise TerminalError(
        "a class has no row to learn from"
        if spec.task == "multiclass"
        else "a part of the rows has one class only",
        model=spec.model,
        stage="train",
        received="; ".join(lacking[:_SHOWN]),
        allowed="each class of the label in the days to fit on"
        if spec.task == "multiclass"
        else "both classes in the days to fit on, in those that stop the rounds, and in the holdout",
        next_step="raise train.lookback, train.holdout or train.validation_share, so that each "
        "part has the class; or look at the source's labels",
    )


def _counts(rows: pl.LazyFrame, label: str) -> dict[str, int]:
    counted = rows.group_by(pl.col(label).cast(pl.String).alias("class")).len()
    frame = counted.filter(pl.col("class").is_not_null()).sort("class").collect()
    return dict(frame.iter_rows())


def _unknown(parts: dict[str, dict[str, int]]) -> list[str]:
    (fitted, known), *others = parts.items()
    return [
        f"{name!r}: 0 rows in {fitted}, {count} in {part}"
        for part, counts in others
        for name, count in counts.items()
        if name not in known
    ]


def _single(parts: dict[str, dict[str, int]]) -> list[str]:
    return [
        f"{next(iter(counts))!r} in all {sum(counts.values())} rows of {part}"
        for part, counts in parts.items()
        if len(counts) == 1
    ]
