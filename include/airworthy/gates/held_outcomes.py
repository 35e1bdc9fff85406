"""The outcomes of all gates of a model, with waivers and excuses. Pure.

A challenger is proved better than the champion when the whole interval of its loss is below 0. The
champion serves now, so such a challenger is excused from what the champion fails equally or worse.
A gate against the champion is not excused.

A champion that is proved to fail a bar has no such protection: one of the two serves, and neither is
proved good. A challenger that is better on these rows then passes without the proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airworthy.gates.default_gates import HeldGate
from airworthy.gates.default_slices import evaluate_default_slices
from airworthy.gates.gate_outcomes import Measurements, evaluate_gates
from airworthy.gates.non_inferiority import Loss, loss_in_words
from airworthy.handover import GateOutcome
from airworthy.spec.evaluate_part import Gate

_Bar = HeldGate | str  # a gate, or the name of a behavioural test as a gate
_Shortfalls = Mapping[str, float]  # slice, or "" for all rows -> distance from a pass


@dataclass(frozen=True)
class OwnOutcomes:
    """A model's outcomes on the bars that hold for every model.

    Attributes:
        outcomes: Gate, or name of a behavioural test -> its outcome.
        shortfalls: The same -> slice, or "" for all rows -> how far the model is from a pass. More
            is worse.
    """

    outcomes: Mapping[_Bar, GateOutcome] = field(default_factory=dict)
    shortfalls: Mapping[_Bar, _Shortfalls] = field(default_factory=dict)

    def is_as_bad(self, other: OwnOutcomes, bar: _Bar) -> bool:
        """Tell whether this model misses a bar, and by at least as much as the other one."""
        if bar not in self.outcomes or self.outcomes[bar].outcome == "pass":
            return False
        own = self.shortfalls[bar]
        return all(
            name in own and own[name] >= short for name, short in other.shortfalls[bar].items()
        )


def own_outcomes(
    held: Sequence[HeldGate], measurements: Measurements, behaviour: Sequence[GateOutcome]
) -> OwnOutcomes:
    """Return a model's outcomes on all bars but those against the champion.

    Args:
        held: The gates.
        measurements: Those of the model, in the role ``challenger``.
        behaviour: The outcomes of its behavioural tests.
    """
    bars = [each for each in held if each.gate.against != "champion"]
    outcomes: dict[_Bar, GateOutcome] = {each: held_outcome(each, measurements) for each in bars}
    shortfalls: dict[_Bar, _Shortfalls] = {
        each: _shortfalls(each.gate, measurements) for each in bars
    }
    for test in behaviour:
        outcomes[test.gate] = test
        shortfalls[test.gate] = {"": test.value or 0.0}
    return OwnOutcomes(outcomes, shortfalls)


def held_outcome(held: HeldGate, measurements: Measurements) -> GateOutcome:
    """Return the outcome of one gate, without waiver or excuse."""
    compared = "champion" in measurements.metrics and not measurements.incomparable
    if held.default == "slices" and compared:
        return _default_slices_outcome(held, measurements)
    outcome = evaluate_gates([held.gate], measurements)[0]
    return outcome.model_copy(update={"gate": held.name})


def waived(outcome: GateOutcome, because: str) -> GateOutcome:
    """Return an outcome that does not count, with the one that it would have been."""
    would = {"pass": "passed", "fail": "failed"}.get(outcome.outcome, f"been {outcome.outcome}")
    reason = f"waived: {because}; it would have {would}: {outcome.reason}"
    return outcome.model_copy(update={"outcome": "waived", "reason": reason})


def excused(outcome: GateOutcome, champion: GateOutcome, loss: Loss) -> GateOutcome:
    """Return an outcome that does not stop the challenger, with the champion's own figures."""
    proved = "proved better" if loss.high < 0 else "better on these rows"
    reason = (
        f"{outcome.reason}; excused, as the challenger is {proved} ({loss_in_words(loss)}) "
        f"and the champion does no better here: {champion.reason}"
    )
    return outcome.model_copy(update={"outcome": "excused", "reason": reason})


def unproved(outcome: GateOutcome, champion_failing: Sequence[str], loss: Loss) -> GateOutcome:
    """Return an inconclusive gate against a failing champion as one that stops nothing."""
    reason = (
        f"{outcome.reason}; excused, as the champion fails its own gates "
        f"({champion_failing[0]}) and the challenger is better on these rows "
        f"({loss_in_words(loss)})"
    )
    return outcome.model_copy(update={"outcome": "excused", "reason": reason})


def _asks_for_proof(bar: _Bar, outcome: GateOutcome) -> bool:
    """Tell whether a gate against the champion lacks the proof only, on all rows."""
    if isinstance(bar, str) or bar.gate.against != "champion" or bar.gate.slice is not None:
        return False
    return outcome.outcome == "inconclusive"


def final_outcomes(
    held: Sequence[HeldGate],
    measurements: Measurements,
    challenger: OwnOutcomes,
    champion: OwnOutcomes,
    loss: Loss | None,
) -> list[GateOutcome]:
    """Return the outcome of every gate and behavioural test, with waivers and excuses.

    Args:
        held: The gates, in the order of the result; behavioural tests follow.
        measurements: The challenger's.
        challenger: Its outcomes on the bars.
        champion: The champion's outcomes on the same bars; empty without a comparable champion.
        loss: The challenger's on the task's loss against the champion; None without a comparison.
    """
    plain: dict[_Bar, GateOutcome] = {each: held_outcome(each, measurements) for each in held}
    plain.update(challenger.outcomes)
    unprotected = bool(failing(champion)) and loss is not None and loss.point < 0
    better = loss if loss is not None and (loss.high < 0 or unprotected) else None
    results = []
    for bar, outcome in plain.items():
        if isinstance(bar, HeldGate) and bar.because is not None:
            results.append(waived(outcome, bar.because))
        elif better and outcome.outcome != "pass" and champion.is_as_bad(challenger, bar):
            results.append(excused(outcome, champion.outcomes[bar], better))
        elif better and unprotected and _asks_for_proof(bar, outcome):
            results.append(unproved(outcome, failing(champion), better))
        else:
            results.append(outcome)
    return results


def failing(champion: OwnOutcomes) -> list[str]:
    """Return the bars that the champion fails, with the figures, without the waived ones."""
    return [
        f"{outcome.gate}: {outcome.reason}"
        for bar, outcome in champion.outcomes.items()
        if outcome.outcome == "fail" and (isinstance(bar, str) or bar.because is None)
    ]


def _default_slices_outcome(held: HeldGate, measurements: Measurements) -> GateOutcome:
    gate = held.gate
    column, margin = gate.slice or "", gate.margin or 0.0
    slices = measurements.slices.get(column, {})
    rows = {name: metrics["rows"] for name, metrics in slices.items()}
    losses = measurements.slice_losses.get((gate.metric, column), {})
    result = evaluate_default_slices(losses, rows, gate.min_rows, margin)
    worst = result.worst
    return GateOutcome(
        gate=held.name,
        outcome=result.outcome,
        value=worst.point if worst else None,
        threshold=margin,
        interval=(worst.low, worst.high) if worst else None,
        n=measurements.rows,
        reason=f"{result.reason}; no more than {margin:+.2%} may be proved",
    )


def _shortfalls(gate: Gate, measurements: Measurements) -> _Shortfalls:
    if gate.against == "baseline":
        loss = measurements.losses.get((gate.metric, "baseline"))
        return {"": loss.point} if loss else {}
    if gate.slice is None:
        values = {"": measurements.metrics["challenger"].get(gate.metric)}
    else:
        slices = measurements.slices.get(gate.slice, {})
        values = {
            name: metrics.get(gate.metric)
            for name, metrics in slices.items()
            if metrics["rows"] >= gate.min_rows
        }
    excess = {name: _excess(gate, value) for name, value in values.items() if value is not None}
    return {name: value for name, value in excess.items() if value > 0}


def _excess(gate: Gate, value: float) -> float:
    """Return how far a value is beyond the gate's bounds; 0 or less within them."""
    over = [value - gate.max] if gate.max is not None else []
    under = [gate.min - value] if gate.min is not None else []
    return max([*over, *under])
