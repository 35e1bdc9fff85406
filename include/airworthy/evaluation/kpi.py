"""The business KPI: what each row's answer costs, by a cost matrix or by the model's own function."""

from __future__ import annotations

import numpy as np

from airworthy.arrays import Array
from airworthy.behaviour import Behaviour
from airworthy.errors import TerminalError
from airworthy.spec import ModelSpec


def costs_of_rows(
    spec: ModelSpec, behaviour: Behaviour, labels: Array, predictions: Array, classes: list[str]
) -> Array | None:
    """Return each row's cost, shape (rows,); None when the spec declares no KPI.

    Args:
        spec: Its ``evaluate.kpi`` and decision threshold.
        behaviour: Where a function of the spec's is defined.
        labels: Shape (rows,): values or class codes.
        predictions: As models give them, classes in this order.
        classes: Names of the classes by their codes.

    Raises:
        TerminalError: when the function fails, or gives anything but one finite number per row.
    """
    kpi = spec.evaluate.kpi
    if kpi is None:
        return None
    if kpi.costs is not None:
        return _by_matrix(spec, labels, predictions, classes)
    return _by_function(spec, behaviour, labels, predictions)


def cost_matrix(spec: ModelSpec, classes: list[str]) -> Array:
    """Return the declared costs, shape (classes, classes): row = true class, column = decided class."""
    place = {name: index for index, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)))
    for cost in (spec.evaluate.kpi.costs if spec.evaluate.kpi else None) or []:
        # A class that no row of the window had can neither be decided nor be true.
        if cost.actual in place and cost.predicted in place:
            matrix[place[cost.actual], place[cost.predicted]] = cost.cost
    return matrix


def _by_matrix(spec: ModelSpec, labels: Array, predictions: Array, classes: list[str]) -> Array:
    if predictions.ndim == 2:
        decided = predictions.argmax(axis=1)
    else:
        decided = (predictions >= spec.evaluate.decision_threshold).astype(int)
    return np.asarray(cost_matrix(spec, classes)[labels.astype(int), decided])


def _by_function(spec: ModelSpec, behaviour: Behaviour, labels: Array, predictions: Array) -> Array:
    name = (spec.evaluate.kpi.function if spec.evaluate.kpi else None) or ""
    function = behaviour.function(name, spec.model)
    allowed = f"one finite number per row, shape ({len(labels)},)"
    try:
        found = np.asarray(function(labels.copy(), predictions.copy()), dtype=np.float64)
    except Exception as error:
        raise _wrong(spec, behaviour, name, f"{type(error).__name__}: {error}", allowed) from error
    if found.shape != labels.shape or not np.isfinite(found).all():
        received = f"shape {found.shape}, {int((~np.isfinite(found)).sum())} not finite"
        raise _wrong(spec, behaviour, name, received, allowed)
    return found


def _wrong(
    spec: ModelSpec, behaviour: Behaviour, name: str, received: str, allowed: str
) -> TerminalError:
    return TerminalError(
        f"the KPI function {name!r} gives no cost per row",
        model=spec.model,
        stage="evaluate",
        received=received,
        allowed=allowed,
        next_step=f"edit {behaviour.path}",
    )
