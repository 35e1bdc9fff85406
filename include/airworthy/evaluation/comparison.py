"""The challenger's loss against other models, on all holdout rows or in each slice."""

from __future__ import annotations

from airworthy.arrays import Array
from airworthy.evaluation.bootstrap import BootstrapSettings, relative_cost, relative_loss
from airworthy.evaluation.holdout import ALL_ROWS, ScoredHoldout
from airworthy.evaluation.slicing import rows_in_slices
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.gates.non_inferiority import Loss
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import KPI


def gate_losses(spec: ModelSpec, scored: ScoredHoldout) -> dict[tuple[str, str], Loss]:
    """Return (metric, role) -> the challenger's loss, for every gate against another model.

    A pair is missing when one of the two models was not scored, or has no such metric on these
    rows.
    """
    compared = {
        (gate.metric, gate.against)
        for gate in spec.evaluate.gates
        if gate.against is not None and gate.slice is None
    }
    metrics = {role: scored.metrics(spec, role) for role in scored.predictions}
    defined = {
        (metric, role)
        for metric, role in compared
        if all(metric in metrics.get(each, {}) for each in ("challenger", role))
    }
    return {(metric, role): _loss(spec, scored, metric, role) for metric, role in sorted(defined)}


def gate_slice_losses(
    spec: ModelSpec, scored: ScoredHoldout
) -> dict[tuple[str, str], dict[str, Loss]]:
    """Return (metric, column) -> slice -> the challenger's loss against the champion.

    There is one entry per gate on slices against the champion.

    A slice is missing when its rows do not define the metric.
    """
    if "champion" not in scored.predictions:
        return {}
    return {
        (gate.metric, gate.slice): _losses_in_slices(spec, scored, gate.metric, gate.slice)
        for gate in spec.evaluate.gates
        if gate.against == "champion" and gate.slice is not None
    }


def _losses_in_slices(
    spec: ModelSpec, scored: ScoredHoldout, metric: str, column: str
) -> dict[str, Loss]:
    slices = next(each for each in spec.evaluate.slices if each.column == column)
    return {
        name: _loss(spec, scored, metric, "champion", rows)
        for name, rows in rows_in_slices(scored.slices[column], slices)
        if all(metric in scored.metrics(spec, role, rows) for role in ("challenger", "champion"))
    }


def _loss(
    spec: ModelSpec, scored: ScoredHoldout, metric: str, role: str, rows: Array | slice = ALL_ROWS
) -> Loss:
    settings, days = BootstrapSettings.of(spec), scored.days[rows]
    values = scored.costs if metric == KPI else scored.predictions
    challenger, reference = values["challenger"][rows], values[role][rows]
    if metric == KPI:
        return relative_cost(challenger, reference, days=days, settings=settings)
    return relative_loss(
        TaskMetric(spec.task, metric, spec.evaluate.decision_threshold),
        scored.labels[rows],
        challenger,
        reference,
        days=days,
        settings=settings,
    )
