"""How good the answers were that went out: the prediction log, joined with the labels that came in since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.handover import Window
from airworthy.spec import ModelSpec
from airworthy_airflow.demo.replay_traffic import Replayed

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Quality:
    """What some days' answers turned out to be worth.

    Attributes:
        phase: ``before``, ``during`` or ``after``.
        window: The days that were asked about.
        versions: The versions that answered, as the log says.
        answers: How many answers the log holds that have a label.
        metrics: The task's metrics over them.
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
    phases: Mapping[str, Sequence[Replayed]],
) -> list[Quality]:
    """Collect the prediction log and judge the answers of each phase that has any.

    Args:
        environment: Where the log is.
        spec: The model's; a regression.
        since: UTC; when the first of the phases' requests was sent, or earlier.
        phases: The replayed days by the phase's name.

    Raises:
        TerminalError: when the log cannot be read.
        TransientError: when the lake cannot be reached.
    """
    from airworthy.predictions.collect import collect
    from airworthy.predictions.labelled_predictions import labelled_predictions

    collect(environment, spec.model)
    rows = labelled_predictions(environment, spec, since, datetime.now(UTC)).collect()
    return [_quality(name, spec, weeks, rows) for name, weeks in phases.items() if weeks]


def _quality(name: str, spec: ModelSpec, weeks: Sequence[Replayed], rows: pl.DataFrame) -> Quality:
    import polars as pl

    from airworthy.evaluation.task_metrics import measure

    own = rows.filter(
        pl.col("request_id").is_in([request for week in weeks for request in week.requests])
    )
    return Quality(
        phase=name,
        window=Window(start=weeks[0].window.start, end=weeks[-1].window.end),
        versions=tuple(sorted(own["model_version"].unique(), key=int)),
        answers=own.height,
        metrics=measure(spec.task, own["label"].to_numpy(), own["prediction"].to_numpy())
        if own.height
        else {},
    )
