"""Metrics of the answers that were sent: the prediction log joined with the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.handover import Window
from airworthy.spec import ModelSpec
from airworthy_airflow.demo.replay_traffic import ReplayedDays

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class ServedQuality:
    """Metrics of the answers of some days.

    Attributes:
        phase: ``before``, ``during`` or ``after``.
        window: The days.
        versions: The versions in the log.
        answers: Number of logged answers with a label.
        metrics: The task's metrics over these.
    """

    phase: str
    window: Window
    versions: tuple[str, ...]
    answers: int
    metrics: Mapping[str, float]


def served_quality(
    environment: Environment,
    spec: ModelSpec,
    since: datetime,
    phases: Mapping[str, Sequence[ReplayedDays]],
) -> list[ServedQuality]:
    """Collect the prediction log and measure the answers of each phase with answers.

    Args:
        environment: The environment of the log.
        spec: The spec of a regression model.
        since: UTC, not later than the first request of the phases.
        phases: The replayed days by the name of the phase.

    Raises:
        TerminalError: when the log cannot be read.
        TransientError: when the lake cannot be reached.
    """
    from airworthy.predictions.collect import collect
    from airworthy.predictions.labelled_predictions import labelled_predictions

    collect(environment, spec.model)
    rows = labelled_predictions(environment, spec, since, datetime.now(UTC)).collect()
    return [_quality(name, spec, weeks, rows) for name, weeks in phases.items() if weeks]


def _quality(
    name: str, spec: ModelSpec, weeks: Sequence[ReplayedDays], rows: pl.DataFrame
) -> ServedQuality:
    import polars as pl

    from airworthy.evaluation.task_metrics import measure

    own = rows.filter(
        pl.col("request_id").is_in([request for week in weeks for request in week.requests])
    )
    return ServedQuality(
        phase=name,
        window=Window(start=weeks[0].window.start, end=weeks[-1].window.end),
        versions=tuple(sorted(own["model_version"].unique(), key=int)),
        answers=own.height,
        metrics=measure(spec.task, own["label"].to_numpy(), own["prediction"].to_numpy())
        if own.height
        else {},
    )
