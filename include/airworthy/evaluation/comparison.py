"""The loss of a model against others, on all holdout rows or in each slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from airworthy.arrays import Array
from airworthy.evaluation.bootstrap import BootstrapSettings, relative_cost, relative_loss
from airworthy.evaluation.holdout import ALL_ROWS, ScoredHoldout
from airworthy.evaluation.slicing import rows_in_slices
from airworthy.evaluation.task_metrics import TaskMetric
from airworthy.gates.default_gates import HeldGate
from airworthy.gates.default_slices import POOL
from airworthy.gates.non_inferiority import Loss
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import KPI, LOSS_OF_TASK, Gate


def gate_losses(
    spec: ModelSpec, scored: ScoredHoldout, gates: Sequence[Gate], of: str = "challenger"
) -> dict[tuple[str, str], Loss]:
    """Return (metric, role) -> a model's loss, for every gate against another model.

    The challenger's loss on the task's loss against the champion is always among them. A pair is
    missing when one of the two models was not scored, or has no such metric on these rows.

    Args:
        spec: The model's spec.
        scored: The holdout.
        gates: The gates.
        of: The role of the model.
    """
    compared = {
        (gate.metric, gate.against)
        for gate in gates
        if gate.against is not None and gate.slice is None
    }
    if of == "challenger":
        compared.add((LOSS_OF_TASK[spec.task], "champion"))
    metrics = {role: scored.metrics(spec, role) for role in scored.predictions}
    defined = {
        (metric, role)
        for metric, role in compared
        if all(metric in metrics.get(each, {}) for each in (of, role))
    }
    return {
        (metric, role): _loss(spec, scored, metric, (of, role)) for metric, role in sorted(defined)
    }


def gate_slice_losses(
    spec: ModelSpec, scored: ScoredHoldout, held: Sequence[HeldGate]
) -> dict[tuple[str, str], dict[str, Loss]]:
    """Return (metric, column) -> slice -> the challenger's loss against the champion.

    There is one entry per gate on slices against the champion. A slice is missing when its rows do
    not define the metric. For a default gate, the small slices are compared together too.

    Args:
        spec: The model's spec.
        scored: The holdout.
        held: The gates.
    """
    if "champion" not in scored.predictions:
        return {}
    losses: dict[tuple[str, str], dict[str, Loss]] = {}
    for each in held:
        gate = each.gate
        if gate.against != "champion" or gate.slice is None:
            continue
        masks = _slice_masks(spec, scored, gate.slice)
        if each.default is not None:
            masks = _with_pool(masks, gate.min_rows, scored.days)
        losses[gate.metric, gate.slice] = _losses_in_slices(spec, scored, gate.metric, masks)
    return losses


def _slice_masks(spec: ModelSpec, scored: ScoredHoldout, column: str) -> dict[str, Array]:
    slices = next(each for each in spec.evaluate.slices if each.column == column)
    return dict(rows_in_slices(scored.slices[column], slices))


def _with_pool(masks: Mapping[str, Array], min_rows: int, days: Array) -> dict[str, Array]:
    """Return the large slices, and all others as one when they are large together.

    A slice within a single day, such as a weekday of a short holdout, cannot be told from its day:
    it is not large, however many rows it has.
    """
    needed = min(2, len(np.unique(days)))
    large = {
        name: mask
        for name, mask in masks.items()
        if mask.sum() >= min_rows and len(np.unique(days[mask])) >= needed
    }
    small = [mask for name, mask in masks.items() if name not in large]
    if small and sum(mask.sum() for mask in small) >= min_rows:
        large[POOL] = np.logical_or.reduce(small)
    return large


def _losses_in_slices(
    spec: ModelSpec, scored: ScoredHoldout, metric: str, masks: Mapping[str, Array]
) -> dict[str, Loss]:
    pair = ("challenger", "champion")
    return {
        name: _loss(spec, scored, metric, pair, rows)
        for name, rows in masks.items()
        if all(metric in scored.metrics(spec, role, rows) for role in pair)
    }


def _loss(
    spec: ModelSpec,
    scored: ScoredHoldout,
    metric: str,
    pair: tuple[str, str],
    rows: Array | slice = ALL_ROWS,
) -> Loss:
    """Return the loss of the first role of a pair against the second."""
    settings, days = BootstrapSettings.of(spec), scored.days[rows]
    values = scored.costs if metric == KPI else scored.predictions
    model, reference = (values[role][rows] for role in pair)
    if metric == KPI:
        return relative_cost(model, reference, days=days, settings=settings)
    return relative_loss(
        TaskMetric(spec.task, metric, spec.evaluate.decision_threshold),
        scored.labels[rows],
        model,
        reference,
        days=days,
        settings=settings,
    )
