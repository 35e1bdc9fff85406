"""How much worse the challenger is than another model, on all holdout rows or in each slice, as the spec asks."""

from __future__ import annotations

from airworthy.arrays import Array
from airworthy.evaluation.bootstrap import relative_cost, relative_loss
from airworthy.evaluation.holdout import Scored
from airworthy.evaluation.slicing import rows_in_slices
from airworthy.gates.non_inferiority import Loss
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import KPI


def losses_of(spec: ModelSpec, scored: Scored) -> dict[tuple[str, str], Loss]:
    """Return (metric, role) -> the challenger's loss and its interval, for every gate against another model.

    A pair is left out when one of the two was not scored, or has no such metric on these rows.
    """
    asked = {
        (gate.metric, gate.against)
        for gate in spec.evaluate.gates
        if gate.against is not None and gate.slice is None
    }
    roles = {role: scored.metrics(spec, role) for role in scored.predictions}
    defined = {
        name
        for name in asked
        if all(name[0] in roles.get(role, {}) for role in ("challenger", name[1]))
    }
    return {(metric, role): _loss(spec, scored, metric, role) for metric, role in sorted(defined)}


def slice_losses_of(spec: ModelSpec, scored: Scored) -> dict[tuple[str, str], dict[str, Loss]]:
    """Return (metric, column) -> slice -> the challenger's loss against the champion, for every gate that asks.

    A slice is left out when its rows do not define the metric.
    """
    if "champion" not in scored.predictions:
        return {}
    found: dict[tuple[str, str], dict[str, Loss]] = {}
    for gate in spec.evaluate.gates:
        if gate.against == "champion" and gate.slice is not None:
            found[gate.metric, gate.slice] = _in_slices(spec, scored, gate.metric, gate.slice)
    return found


def _in_slices(spec: ModelSpec, scored: Scored, metric: str, column: str) -> dict[str, Loss]:
    slices = next(each for each in spec.evaluate.slices if each.column == column)
    return {
        name: _loss(spec, scored, metric, "champion", chosen)
        for name, chosen in rows_in_slices(scored.slices[column], slices)
        if all(metric in scored.metrics(spec, role, chosen) for role in ("challenger", "champion"))
    }


def _loss(
    spec: ModelSpec, scored: Scored, metric: str, role: str, chosen: Array | slice = slice(None)
) -> Loss:
    rules, seed, days = spec.evaluate, spec.train.seed, scored.days[chosen]
    values = scored.costs if metric == KPI else scored.predictions
    challenger, other = values["challenger"][chosen], values[role][chosen]
    if metric == KPI:
        return relative_cost(
            challenger,
            other,
            days=days,
            confidence=rules.confidence,
            resamples=rules.resamples,
            seed=seed,
        )
    return relative_loss(
        spec.task,
        metric,
        scored.labels[chosen],
        challenger,
        other,
        days=days,
        threshold=rules.decision_threshold,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=seed,
    )
