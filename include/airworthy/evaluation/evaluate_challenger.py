"""The evaluation of a challenger: scored rows to gate outcomes. Nothing is read or recorded."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airworthy.behaviour import Behaviour
from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.evaluation.behavioural_gates import behaviour_outcomes
from airworthy.evaluation.behavioural_tests import run_behavioural_tests
from airworthy.evaluation.comparison import gate_losses, gate_slice_losses
from airworthy.evaluation.holdout import ScoredHoldout, slice_metrics
from airworthy.gates.default_gates import HeldGate, held_gates
from airworthy.gates.gate_outcomes import Measurements, overall_outcome
from airworthy.gates.held_outcomes import OwnOutcomes, failing, final_outcomes, own_outcomes
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import LOSS_OF_TASK

log = logging.getLogger("airworthy.evaluate")


@dataclass(frozen=True)
class EvaluatedGates:
    """The evaluation's result.

    Attributes:
        measurements: The gates' input.
        gates: The outcome of every gate and behavioural test.
        outcome: The overall outcome.
        releasable: Whether the challenger may be released.
        waivers: The waived default gates with their reasons.
        champion_failing: The gates that the champion itself fails, with its figures; empty when the
            challenger passes all gates.
    """

    measurements: Measurements
    gates: list[GateOutcome]
    outcome: Outcome
    releasable: bool
    waivers: list[str] = field(default_factory=list)
    champion_failing: list[str] = field(default_factory=list)


def evaluate_challenger(
    spec: ModelSpec,
    behaviour: Behaviour,
    bundles: Mapping[str, ModelBundle],
    scored: ScoredHoldout,
    incomparable: Mapping[str, str],
) -> EvaluatedGates:
    """Measure a challenger on scored rows, and evaluate all gates and the behavioural tests.

    Args:
        spec: The model's spec.
        behaviour: The declarations of its ``behaviour.py``.
        bundles: ``challenger``, and ``champion`` when there is one to compare with: the models with
            these roles in `scored`.
        scored: The holdout, with costs when the spec has a KPI.
        incomparable: Role -> the reason that its model could not be scored.
    """
    held = held_gates(spec)
    measurements = _measure(spec, scored, held, incomparable)
    tests = run_behavioural_tests(behaviour.tests, bundles["challenger"], scored.sample)
    challenger = own_outcomes(held, measurements, behaviour_outcomes(tests))
    champion = _champion_outcomes(spec, behaviour, bundles.get("champion"), scored, held)
    loss = measurements.losses.get((LOSS_OF_TASK[spec.task], "champion"))
    gates = final_outcomes(held, measurements, challenger, champion, loss)
    outcome = overall_outcome(gates)
    clean = all(gate.outcome in ("pass", "waived") for gate in gates)
    released = {"pass"} | ({"inconclusive"} if spec.evaluate.inconclusive == "release" else set())
    return EvaluatedGates(
        measurements,
        gates,
        outcome,
        releasable=outcome in released,
        waivers=[f"{waiver.rule}: {waiver.because}" for waiver in spec.evaluate.waive],
        champion_failing=[] if clean else failing(champion),
    )


def _measure(
    spec: ModelSpec,
    scored: ScoredHoldout,
    held: Sequence[HeldGate],
    incomparable: Mapping[str, str],
) -> Measurements:
    return Measurements(
        metrics={role: scored.metrics(spec, role) for role in scored.predictions},
        slices=slice_metrics(spec, scored),
        losses=gate_losses(spec, scored, [each.gate for each in held]),
        slice_losses=gate_slice_losses(spec, scored, held),
        rows=len(scored.labels),
        incomparable=dict(incomparable),
        guess_loss=_guess_loss(spec, scored),
    )


def _guess_loss(spec: ModelSpec, scored: ScoredHoldout) -> float | None:
    """Return the log loss of the same probability for each class; None for a regression."""
    if spec.task == "regression":
        return None
    return math.log(len(scored.classes) if spec.task == "multiclass" else 2)


def _champion_outcomes(
    spec: ModelSpec,
    behaviour: Behaviour,
    bundle: ModelBundle | None,
    scored: ScoredHoldout,
    held: Sequence[HeldGate],
) -> OwnOutcomes:
    """Return the champion's own outcomes on the bars; none without a comparable champion."""
    if bundle is None or "champion" not in scored.predictions:
        return OwnOutcomes()
    bars = [each.gate for each in held if each.gate.against == "baseline"]
    measurements = Measurements(
        metrics={"challenger": scored.metrics(spec, "champion")},
        slices=slice_metrics(spec, scored, "champion"),
        losses=gate_losses(spec, scored, bars, of="champion"),
        rows=len(scored.labels),
        guess_loss=_guess_loss(spec, scored),
    )
    return own_outcomes(held, measurements, _champion_tests(behaviour, bundle, scored))


def _champion_tests(
    behaviour: Behaviour, bundle: ModelBundle, scored: ScoredHoldout
) -> list[GateOutcome]:
    """Return the champion's behavioural tests, without those that its inputs do not allow."""
    outcomes = []
    for name, test in behaviour.tests.items():
        try:
            outcomes += behaviour_outcomes(
                run_behavioural_tests({name: test}, bundle, scored.sample)
            )
        except TerminalError as error:
            log.warning("the champion is not tested: %s", error.problem)
    return outcomes
