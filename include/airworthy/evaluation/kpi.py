"""The business KPI: each prediction's cost, by a cost matrix or by the model's function."""

from __future__ import annotations

import numpy as np

from airworthy.arrays import Array
from airworthy.behaviour import Behaviour
from airworthy.error_kinds import line_in
from airworthy.errors import TerminalError
from airworthy.evaluation.task_metrics import decisions
from airworthy.spec import ModelSpec


def costs_of_rows(
    spec: ModelSpec, behaviour: Behaviour, labels: Array, predictions: Array, classes: list[str]
) -> Array | None:
    """Return each row's cost, shape (rows,); None when the spec declares no KPI.

    Args:
        spec: Its ``evaluate.kpi`` and decision threshold.
        behaviour: Defines the spec's cost function, if there is one.
        labels: Shape (rows,): values or class codes.
        predictions: As models return them, classes in this order.
        classes: Names of the classes by their codes.

    Raises:
        TerminalError: when the function fails, or returns anything but one finite number per row.
    """
    kpi = spec.evaluate.kpi
    if kpi is None:
        return None
    if kpi.costs is not None:
        decided = decisions(predictions, spec.evaluate.decision_threshold)
        return np.asarray(cost_matrix(spec, classes)[labels.astype(int), decided])
    return _by_function(spec, behaviour, labels, predictions)


def cost_matrix(spec: ModelSpec, classes: list[str]) -> Array:
    """Return the costs, shape (classes, classes): row = true class, column = decided class."""
    codes = {name: code for code, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)))
    for cost in (spec.evaluate.kpi.costs if spec.evaluate.kpi else None) or []:
        # A class without a row in the window can neither be decided nor be true.
        if cost.actual in codes and cost.predicted in codes:
            matrix[codes[cost.actual], codes[cost.predicted]] = cost.cost
    return matrix


def _by_function(spec: ModelSpec, behaviour: Behaviour, labels: Array, predictions: Array) -> Array:
    name = (spec.evaluate.kpi.function if spec.evaluate.kpi else None) or ""
    function = behaviour.function(name, spec.model)

    def failure(received: str) -> TerminalError:
        return TerminalError(
            f"the KPI function {name!r} gives no cost per row",
            model=spec.model,
            stage="evaluate",
            received=received,
            allowed=f"one finite number per row, shape ({len(labels)},)",
            next_step=f"edit {behaviour.path}",
        )

    try:
        costs = np.asarray(function(labels.copy(), predictions.copy()), dtype=np.float64)
    except Exception as error:
        place = line_in(error, behaviour.path)
        raise failure(f"{type(error).__name__}: {error}{place}") from error
    if costs.shape != labels.shape or not np.isfinite(costs).all():
        raise failure(f"shape {costs.shape}, {int((~np.isfinite(costs)).sum())} not finite")
    return costs
