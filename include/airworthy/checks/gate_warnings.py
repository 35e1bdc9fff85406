"""Warnings about gates that nothing can fail, or nothing can pass."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from airworthy.checks.constant_model import ConstantModel
from airworthy.checks.spec_warning import SpecWarning
from airworthy.spec.evaluate_part import LOWER_IS_BETTER, Gate
from airworthy.spec.model_spec import ModelSpec

_RANGES = {
    "rmse": (0.0, inf),
    "mae": (0.0, inf),
    "log_loss": (0.0, inf),
    "r2": (-inf, 1.0),
    "kpi": (-inf, inf),
}
_SHARE = (0.0, 1.0)
# Predicting the mean, or at random, reaches these values.
_NO_SKILL = {"r2": 0.0, "auc": 0.5}
_LARGE_MARGIN = 0.5
# A holdout of some days may be harder than the sample: only bounds far beyond it are told.
_FAR = 1.5


def declared_gate_warnings(file: str, spec: ModelSpec) -> Iterator[SpecWarning]:
    """Find gates without effect by the ranges of their metrics, without any row."""
    for index, gate in enumerate(spec.evaluate.gates):
        key = f"evaluate.gates[{index}]"
        if _is_impossible(gate):
            bound = f"min: {gate.min:g}" if gate.min is not None else f"max: {gate.max:g}"
            yield SpecWarning(
                file,
                key,
                f"nothing can pass this gate: {gate.metric} {bound} asks for a model without error",
                "give a bound that a good version reaches",
            )
        elif _is_void(gate):
            yield SpecWarning(
                file,
                key,
                f"nothing can fail this gate: a model without skill has {gate.metric} "
                f"{_no_skill(gate.metric):g}, at least the min, {gate.min:g}"
                if gate.min is not None
                else f"nothing can fail this gate: no {gate.metric} is over {gate.max:g}",
                "give a bound that a bad version misses",
            )
        elif gate.margin is not None and gate.margin >= _LARGE_MARGIN:
            yield SpecWarning(
                file,
                f"{key}.margin",
                f"hardly anything can fail this gate: a challenger passes with {gate.metric} "
                f"{gate.margin:.0%} worse than the champion's",
                "give a margin that a worse version misses, such as 0.05",
            )


def measured_gate_warnings(
    file: str, spec: ModelSpec, constant: ConstantModel
) -> Iterator[SpecWarning]:
    """Find gates that the same prediction for every row passes, or that no model can pass.

    Args:
        file: The spec's file.
        spec: The model's spec.
        constant: Gives the metrics of this prediction on a sample.
    """
    for index, gate in enumerate(spec.evaluate.gates):
        key = f"evaluate.gates[{index}]"
        value = constant.worst(gate)
        if value is None:
            continue
        if _passes_far(gate, value):
            yield SpecWarning(
                file,
                key,
                f"hardly anything can fail this gate: {constant.prediction} for every row has "
                f"{gate.metric} {value:.4g} on {constant.rows:,} rows, and "
                f"{gate.max if gate.max is not None else gate.min:g} is allowed",
                "give a bound that a bad version misses",
            )
        if _out_of_reach(gate, value):
            yield SpecWarning(
                file,
                f"{key}.better_by",
                f"nothing can pass this gate: {constant.prediction} for every row has "
                f"{gate.metric} {value:.4g}, and {gate.better_by:.0%} more is over 1",
                "ask for a smaller gain, or take the loss as metric",
            )


def _is_impossible(gate: Gate) -> bool:
    low, high = _range(gate.metric)
    if gate.metric in LOWER_IS_BETTER:
        return gate.max is not None and gate.max <= low
    return gate.min is not None and gate.min >= high


def _is_void(gate: Gate) -> bool:
    if gate.against is not None or (gate.min is not None and gate.max is not None):
        return False
    low, high = _range(gate.metric)
    if gate.max is not None:
        return gate.max >= high
    return gate.min is not None and gate.min <= _NO_SKILL.get(gate.metric, low)


def _no_skill(metric: str) -> float:
    return _NO_SKILL.get(metric, _range(metric)[0])


def _range(metric: str) -> tuple[float, float]:
    return _RANGES.get(metric, _SHARE)


def _passes_far(gate: Gate, value: float) -> bool:
    if gate.against is not None:
        return False
    if gate.max is not None and gate.metric in LOWER_IS_BETTER:
        return value > 0 and gate.max >= _FAR * value
    return gate.metric == "accuracy" and gate.min is not None and 0 < gate.min <= value


def _out_of_reach(gate: Gate, value: float) -> bool:
    if gate.better_by is None or gate.metric in LOWER_IS_BETTER or gate.metric == "r2":
        return False
    return value > 0 and value * (1 + gate.better_by) > 1
