"""The evaluation of a challenger: scored rows to gate outcomes. Nothing is read or recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airworthy.behaviour import Behaviour
from airworthy.bundle import ModelBundle
from airworthy.evaluation.behavioural_gates import behaviour_outcomes
from airworthy.evaluation.behavioural_tests import run_behavioural_tests
from airworthy.evaluation.comparison import gate_losses, gate_slice_losses
from airworthy.evaluation.holdout import ScoredHoldout, slice_metrics
from airworthy.gates.gate_outcomes import Measurements, evaluate_gates, overall_outcome
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class EvaluatedGates:
    """The evaluation's result.

    Attributes:
        measurements: The gates' input.
        gates: The outcome of every gate and behavioural test.
        outcome: The overall outcome.
        releasable: Whether the challenger may be released.
    """

    measurements: Measurements
    gates: list[GateOutcome]
    outcome: Outcome
    releasable: bool


def evaluate_challenger(
    spec: ModelSpec,
    behaviour: Behaviour,
    challenger: ModelBundle,
    scored: ScoredHoldout,
    incomparable: Mapping[str, str],
) -> EvaluatedGates:
    """Measure a challenger on scored rows, and evaluate the spec's gates and the behavioural tests.

    Args:
        spec: The model's spec.
        behaviour: The declarations of its ``behaviour.py``.
        challenger: The model with the role ``challenger`` in `scored`.
        scored: The holdout, with costs when the spec has a KPI.
        incomparable: Role -> the reason that its model could not be scored.
    """
    measurements = Measurements(
        metrics={role: scored.metrics(spec, role) for role in scored.predictions},
        slices=slice_metrics(spec, scored),
        losses=gate_losses(spec, scored),
        slice_losses=gate_slice_losses(spec, scored),
        rows=len(scored.labels),
        incomparable=dict(incomparable),
    )
    results = run_behavioural_tests(behaviour.tests, challenger, scored.sample)
    gates = [*evaluate_gates(spec.evaluate.gates, measurements), *behaviour_outcomes(results)]
    outcome = overall_outcome(gates)
    releasable = outcome == "pass" or (
        outcome == "inconclusive" and spec.evaluate.inconclusive == "release"
    )
    return EvaluatedGates(measurements, gates, outcome, releasable)
