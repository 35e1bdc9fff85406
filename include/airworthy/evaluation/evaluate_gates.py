"""From scored rows to the outcome of every gate: what a verdict is made of. Nothing is read or recorded."""

from __future__ import annotations

from dataclasses import dataclass

from airworthy.behaviour import Behaviour
from airworthy.bundle import ModelBundle
from airworthy.evaluation.behavioural_gates import behaviour_outcomes
from airworthy.evaluation.behavioural_tests import run_behavioural_tests
from airworthy.evaluation.comparison import losses_of, slice_losses_of
from airworthy.evaluation.holdout import Scored, slice_metrics
from airworthy.gates.gate_outcomes import Measured, decide, overall
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class Judged:
    """What was measured, what every gate says of it, and whether that lets the challenger fly."""

    measured: Measured
    gates: list[GateOutcome]
    outcome: Outcome
    releasable: bool


def evaluate_challenger(
    spec: ModelSpec,
    behaviour: Behaviour,
    challenger: ModelBundle,
    scored: Scored,
    incomparable: dict[str, str],
) -> Judged:
    """Measure a challenger on scored rows, and put it to the spec's gates and to behavioural tests.

    Args:
        spec: The model's.
        behaviour: What its ``behaviour.py`` declares.
        challenger: The model that `scored` has as ``challenger``.
        scored: The holdout, priced when the spec has a KPI.
        incomparable: Role -> why that model could not be scored.
    """
    measured = Measured(
        metrics={role: scored.metrics(spec, role) for role in scored.predictions},
        slices=slice_metrics(spec, scored),
        losses=losses_of(spec, scored),
        slice_losses=slice_losses_of(spec, scored),
        rows=len(scored.labels),
        incomparable=incomparable,
    )
    tried = run_behavioural_tests(behaviour.tests, challenger, scored.sample)
    gates = [*decide(spec.evaluate.gates, measured), *behaviour_outcomes(tried)]
    outcome = overall(gates)
    releasable = outcome == "pass" or (
        outcome == "inconclusive" and spec.evaluate.inconclusive == "release"
    )
    return Judged(measured, gates, outcome, releasable)
