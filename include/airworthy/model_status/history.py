"""The history of one model, from its ledger, its dataset records and the evidence of its runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.model_status.kept_values import KeptValues
from airworthy.model_status.ledger_position import ledger_position
from airworthy.model_status.model_history import ModelHistory
from airworthy.model_status.model_sources import read_spec, sources_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airworthy.ledger import Entry
    from airworthy.spec import ModelSpec


def model_history(environment: Environment, model: str) -> ModelHistory:
    """Return one model's history. It is kept as summaries are; see `model_summaries`.

    Args:
        environment: The environment.
        model: Its name. A model without a spec has the history of its ledger; one without a ledger
            has an empty one.

    Raises:
        TerminalError: when its ledger was changed, or an entry about traffic cannot be read.
        TransientError: when the lake cannot be reached.
    """
    kept = KeptValues(environment, "history", ModelHistory)
    position = ledger_position(environment, model, kept.position(model))
    make = partial(computed_history, environment, model)
    return kept.get(model, sources_key(environment, model), position, make)


def computed_history(environment: Environment, model: str) -> ModelHistory:
    """Return one model's history from spec, ledger, records and evidence, whatever is kept.

    Args:
        environment: The environment.
        model: Its name.

    Raises:
        TerminalError: when its ledger was changed, or an entry about traffic cannot be read.
        TransientError: when the lake cannot be reached.
    """
    from airworthy.ledger import open_ledger
    from airworthy.ledger.events import VerdictReached
    from airworthy.ledger.ledger_queries import of_kind
    from airworthy.model_status.monitor_figures import drift_figures, window_figures
    from airworthy.model_status.quality_points import quality_points
    from airworthy.model_status.run_evidence import run_evidence
    from airworthy.model_status.summarise import summarise
    from airworthy.model_status.time_line import ledger_lines, marks, services
    from airworthy.model_status.trainings import read_trainings, version_figures
    from airworthy.model_status.verdict_figures import gate_figures, slice_figures

    source, entries = read_spec(environment, model), open_ledger(environment, model).entries()
    evidence, trainings = run_evidence(environment, model), read_trainings(environment, model)
    summary = summarise(environment, model, source, entries)
    metric = _metric(source.spec, trainings.metric_names)
    newest = of_kind(entries, VerdictReached)[-1:]
    verdict = evidence.verdicts(newest)[0] if newest else None
    return ModelHistory(
        summary=summary,
        metric=metric,
        quality=quality_points(metric, entries, trainings, evidence),
        marks=marks(entries),
        verdict_version=_version_of(entries, newest[0].event.mlflow_run_id) if newest else None,
        verdict_outcome=newest[0].event.outcome if newest else None,
        verdict_entry=newest[0].sequence if newest else None,
        verdict_metrics=verdict.metrics if verdict else {},
        gates=gate_figures(verdict) if verdict else [],
        slices=slice_figures(verdict) if verdict else [],
        drift=drift_figures(entries, summary.state.champion, evidence),
        windows=window_figures(entries),
        ledger=ledger_lines(entries),
        versions=version_figures(entries, trainings),
        services=services(entries),
    )


def _metric(spec: ModelSpec | None, measured: set[str]) -> str | None:
    """Return the promise's metric; without a spec, the loss that was measured."""
    from airworthy.model_status.promises import promise_of
    from airworthy.spec.evaluate_part import LOSS_OF_TASK

    if spec is not None:
        return promise_of(spec).metric
    return next((loss for loss in LOSS_OF_TASK.values() if loss in measured), None)


def _version_of(entries: Sequence[Entry], mlflow_run_id: str | None) -> str | None:
    from airworthy.ledger.version_numbers import registrations

    versions = [
        each.event.version
        for each in registrations(entries)
        if mlflow_run_id is not None and each.event.mlflow_run_id == mlflow_run_id
    ]
    return versions[-1] if versions else None
