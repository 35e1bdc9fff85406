"""The outcome of every gate, from measurements. Pure: nothing reads, writes or raises.

A comparison's interval is two-sided. The gate against the champion is a non-inferiority test: it
passes when the whole interval of the challenger's loss lies within the margin, fails when it lies
beyond, and is inconclusive between. A gate on slices makes one test per slice; it passes only when
all of them pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from airworthy.gates.non_inferiority import (
    Loss,
    evaluate_loss,
    evaluate_slices,
    loss_in_words,
    required_rows_factor,
    share_in_words,
)
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec.evaluate_part import Gate

SliceMetrics = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Measurements:
    """The input of the gates.

    Attributes:
        metrics: Role -> metric -> value on all holdout rows.
        slices: Column -> slice -> metric -> value of the challenger, with ``rows``.
        losses: (metric, role) -> the challenger's loss against the role, with its interval.
        rows: The number of holdout rows.
        incomparable: Role -> the reason that its model could not be scored on these rows.
        slice_losses: (metric, column) -> slice -> the challenger's loss against the champion on the
            slice's rows.
        guess_loss: The log loss of a guess that gives each class the same probability; None: the
            task has no classes.
    """

    metrics: dict[str, dict[str, float]]
    slices: SliceMetrics
    losses: dict[tuple[str, str], Loss]
    rows: int
    incomparable: dict[str, str] = field(default_factory=dict)
    slice_losses: dict[tuple[str, str], dict[str, Loss]] = field(default_factory=dict)
    guess_loss: float | None = None


@dataclass(frozen=True)
class _Result:
    """The outcome of one gate with its numbers, before they are joined with the gate's name."""

    outcome: Outcome
    reason: str
    value: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None


def evaluate_gates(gates: Sequence[Gate], measurements: Measurements) -> list[GateOutcome]:
    """Return one outcome per gate, in the spec's order."""
    return [_gate_outcome(gate, measurements) for gate in gates]


def overall_outcome(outcomes: Sequence[GateOutcome]) -> Outcome:
    """Return ``fail`` when a gate failed, else ``inconclusive`` when one is, else ``pass``.

    Waived and excused gates stop nothing.
    """
    distinct = {outcome.outcome for outcome in outcomes}
    if "fail" in distinct:
        return "fail"
    return "inconclusive" if "inconclusive" in distinct else "pass"


def _gate_outcome(gate: Gate, measurements: Measurements) -> GateOutcome:
    result = _evaluate(gate, measurements)
    bounds = (result.threshold, gate.max, gate.min)
    return GateOutcome(
        gate=gate.name,
        outcome=result.outcome,
        value=result.value,
        threshold=next((bound for bound in bounds if bound is not None), None),
        interval=result.interval,
        n=measurements.rows,
        reason=result.reason,
    )


def _evaluate(gate: Gate, measurements: Measurements) -> _Result:
    if gate.against == "champion":
        return _against_champion(gate, measurements, gate.margin or 0.0)
    if gate.against == "baseline":
        return _against_baseline(gate, measurements, gate.better_by or 0.0)
    if gate.slice is not None:
        return _in_slices(gate, gate.slice, measurements)
    return _on_all_rows(gate, measurements)


def _on_all_rows(gate: Gate, measurements: Measurements) -> _Result:
    value = measurements.metrics["challenger"].get(gate.metric)
    if value is None:
        return _Result("inconclusive", f"{gate.metric} is not defined for these rows")
    outcome: Outcome = "pass" if _is_within(gate, value) else "fail"
    return _Result(outcome, f"{value:.4g} {_bounds(gate, outcome)}", value)


def _in_slices(gate: Gate, column: str, measurements: Measurements) -> _Result:
    failed, too_small = [], []
    worst: float | None = None
    for name, metrics in measurements.slices.get(column, {}).items():
        value = metrics.get(gate.metric)
        if metrics["rows"] < gate.min_rows or value is None:
            too_small.append(f"{name} ({metrics['rows']:.0f} rows)")
            continue
        worst = value if worst is None else _worse(gate, worst, value)
        if not _is_within(gate, value):
            failed.append(f"{name} {value:.4g}")
    if failed:
        return _Result("fail", f"{', '.join(failed)} {_bounds(gate, 'fail')}", worst)
    if too_small or worst is None:
        names = ", ".join(too_small) or "every slice"
        return _Result("inconclusive", f"under {gate.min_rows} rows: {names}", worst)
    return _Result("pass", f"worst slice {worst:.4g} {_bounds(gate, 'pass')}", worst)


def _against_champion(gate: Gate, measurements: Measurements, margin: float) -> _Result:
    if "champion" in measurements.incomparable:
        reason = measurements.incomparable["champion"]
        return _Result("inconclusive", reason, threshold=margin)
    if "champion" not in measurements.metrics:
        return _Result("pass", "there is no champion yet", threshold=margin)
    if gate.slice is not None:
        return _against_champion_in_slices(gate, gate.slice, measurements, margin)
    loss = measurements.losses.get((gate.metric, "champion"))
    if loss is None:
        return _Result("inconclusive", f"{gate.metric} cannot be compared", threshold=margin)
    outcome = evaluate_loss(loss, margin)
    reason = f"{loss_in_words(loss)}; at most {margin:+.2%} allowed"
    if outcome == "inconclusive":
        reason += _required_rows(loss, margin)
    return _Result(outcome, reason, loss.point, margin, (loss.low, loss.high))


def _required_rows(loss: Loss, margin: float) -> str:
    factor = required_rows_factor(loss, margin)
    if factor is None:
        return ""
    times = f"{factor:.1f}" if factor < 10 else f"{factor:,.0f}"
    return f"; an equally good challenger would need about {times} times the rows to pass"


def _against_champion_in_slices(
    gate: Gate, column: str, measurements: Measurements, margin: float
) -> _Result:
    slices = measurements.slices.get(column, {})
    rows = {name: metrics["rows"] for name, metrics in slices.items()}
    losses = measurements.slice_losses.get((gate.metric, column), {})
    result = evaluate_slices(losses, rows, gate.min_rows, margin)
    reason = f"{result.reason}; at most {margin:+.2%} allowed"
    if result.worst is None:
        return _Result(result.outcome, reason, threshold=margin)
    interval = (result.worst.low, result.worst.high)
    return _Result(result.outcome, reason, result.worst.point, margin, interval)


def _against_baseline(gate: Gate, measurements: Measurements, better_by: float) -> _Result:
    loss = measurements.losses.get((gate.metric, "baseline"))
    if loss is None:
        return _Result("inconclusive", f"{gate.metric} cannot be compared", threshold=better_by)
    point, low, high = -loss.point, -loss.high, -loss.low
    outcome, useless = _superiority(low, high, better_by), _useless(measurements)
    if outcome == "pass" and useless:
        # A baseline that knows nothing of these rows, such as of a new class, is easily beaten.
        reason = f"{share_in_words(loss.point)} than the baseline, but {useless}"
        return _Result("fail", reason, point, better_by, (low, high))
    gain = f"between {low:+.2%} and {high:+.2%} better"
    share = share_in_words(loss.point)
    required = f"at least {better_by:+.2%}" if better_by else "more than +0.00%"
    reason = f"{share} than the baseline, {gain}; {required} required"
    return _Result(outcome, reason, point, better_by, (low, high))


def _useless(measurements: Measurements) -> str:
    """Return the reason that a classification is no better than a guess; empty: it is better."""
    metrics, guess = measurements.metrics["challenger"], measurements.guess_loss
    if metrics.get("accuracy") == 0.0:
        return "no row is classified right (accuracy 0)"
    if guess is not None and metrics.get("log_loss", 0.0) >= guess:
        return (
            f"no better than a guess: log_loss {metrics['log_loss']:.4g}, a guess has {guess:.4g}"
        )
    return ""


def _superiority(low: float, high: float, better_by: float) -> Outcome:
    """Return the outcome of a gain's interval. As good as the baseline is not better than it."""
    if low >= better_by and low > 0:
        return "pass"
    return "fail" if high < better_by or high <= 0 else "inconclusive"


def _is_within(gate: Gate, value: float) -> bool:
    return (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)


def _worse(gate: Gate, one: float, other: float) -> float:
    return max(one, other) if gate.max is not None else min(one, other)


def _bounds(gate: Gate, outcome: Outcome) -> str:
    bounds = (("at least", gate.min), ("at most", gate.max))
    parts = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    return f"({' and '.join(parts)} {'required' if outcome == 'fail' else 'allowed'})"
