"""Decide, then act: turn measurements into gate outcomes and a verdict. Nothing here reads, writes or raises.

A comparison's interval is two-sided. Against the champion this is a non-inferiority test: it passes only when the
whole interval of the challenger's loss lies within the margin, fails when it lies beyond, and is inconclusive between.
In slices each one is such a test; the gate passes only when all of them do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airworthy.gates.non_inferiority import (
    Loss,
    judge_loss,
    judge_slices,
    loss_in_words,
    rows_wanted,
    share_in_words,
)
from airworthy.handover import GateOutcome, Outcome
from airworthy.spec.evaluate_part import Gate

Slices = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Measured:
    """What the gates look at.

    Attributes:
        metrics: Role -> metric -> value on all holdout rows.
        slices: Column -> slice -> metric -> value of the challenger, with ``rows``.
        losses: (metric, role) -> how much worse the challenger is, as a share of the role's value, with its interval.
        rows: How many holdout rows there are.
        incomparable: Role -> why that model could not be scored on these rows.
        slice_losses: (metric, column) -> slice -> the challenger's loss against the champion on the slice's rows.
    """

    metrics: dict[str, dict[str, float]]
    slices: Slices
    losses: dict[tuple[str, str], Loss]
    rows: int
    incomparable: dict[str, str] = field(default_factory=dict)
    slice_losses: dict[tuple[str, str], dict[str, Loss]] = field(default_factory=dict)


def decide(gates: list[Gate], measured: Measured) -> list[GateOutcome]:
    """Return one outcome per gate, in the spec's order."""
    return [_decide(gate, measured) for gate in gates]


def overall(outcomes: list[GateOutcome]) -> Outcome:
    """Return ``fail`` when any gate failed, else ``inconclusive`` when any is, else ``pass``."""
    found = {outcome.outcome for outcome in outcomes}
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"


def _decide(gate: Gate, measured: Measured) -> GateOutcome:
    if gate.against == "champion":
        return _against_champion(gate, measured)
    if gate.against == "baseline":
        return _against_baseline(gate, measured)
    if gate.slice is not None:
        return _in_slices(gate, gate.slice, measured)
    return _absolute(gate, measured)


def _absolute(gate: Gate, measured: Measured) -> GateOutcome:
    value = measured.metrics["challenger"].get(gate.metric)
    if value is None:
        return _outcome(
            gate,
            "inconclusive",
            None,
            measured.rows,
            f"{gate.metric} is not defined for these rows",
        )
    outcome: Outcome = "pass" if _within(gate, value) else "fail"
    return _outcome(gate, outcome, value, measured.rows, f"{value:.4g} {_bounds(gate, outcome)}")


def _in_slices(gate: Gate, column: str, measured: Measured) -> GateOutcome:
    bad, small = [], []
    worst: float | None = None
    for name, metrics in measured.slices.get(column, {}).items():
        value = metrics.get(gate.metric)
        if metrics["rows"] < gate.min_rows or value is None:
            small.append(f"{name} ({metrics['rows']:.0f} rows)")
            continue
        worst = value if worst is None else _worse(gate, worst, value)
        if not _within(gate, value):
            bad.append(f"{name} {value:.4g}")
    if bad:
        return _outcome(
            gate, "fail", worst, measured.rows, f"{', '.join(bad)} {_bounds(gate, 'fail')}"
        )
    if small or worst is None:
        which = ", ".join(small) or "every slice"
        return _outcome(
            gate, "inconclusive", worst, measured.rows, f"under {gate.min_rows} rows: {which}"
        )
    return _outcome(
        gate, "pass", worst, measured.rows, f"worst slice {worst:.4g} {_bounds(gate, 'pass')}"
    )


def _against_champion(gate: Gate, measured: Measured) -> GateOutcome:
    margin = gate.margin or 0.0
    if "champion" in measured.incomparable:
        return _outcome(
            gate, "inconclusive", None, measured.rows, measured.incomparable["champion"], margin
        )
    if "champion" not in measured.metrics:
        return _outcome(gate, "pass", None, measured.rows, "there is no champion yet", margin)
    if gate.slice is not None:
        return _against_champion_in_slices(gate, gate.slice, measured, margin)
    loss = measured.losses.get((gate.metric, "champion"))
    if loss is None:
        return _outcome(
            gate, "inconclusive", None, measured.rows, f"{gate.metric} cannot be compared", margin
        )
    outcome, wanted = judge_loss(loss, margin), rows_wanted(loss, margin)
    reason = f"{loss_in_words(loss)}; at most {margin:+.2%} allowed"
    if outcome == "inconclusive" and wanted is not None:
        times = f"{wanted:.1f}" if wanted < 10 else f"{wanted:,.0f}"
        reason += f"; an equally good challenger would need about {times} times the rows to pass"
    return _outcome(gate, outcome, loss[0], measured.rows, reason, margin, loss[1:])


def _against_champion_in_slices(
    gate: Gate, column: str, measured: Measured, margin: float
) -> GateOutcome:
    rows = {name: metrics["rows"] for name, metrics in measured.slices.get(column, {}).items()}
    found = judge_slices(
        measured.slice_losses.get((gate.metric, column), {}), rows, gate.min_rows, margin
    )
    point, interval = (found.worst[0], found.worst[1:]) if found.worst else (None, None)
    reason = f"{found.reason}; at most {margin:+.2%} allowed"
    return _outcome(gate, found.outcome, point, measured.rows, reason, margin, interval)


def _against_baseline(gate: Gate, measured: Measured) -> GateOutcome:
    wanted = gate.better_by or 0.0
    loss = measured.losses.get((gate.metric, "baseline"))
    if loss is None:
        return _outcome(
            gate, "inconclusive", None, measured.rows, f"{gate.metric} cannot be compared", wanted
        )
    point, low, high = -loss[0], -loss[2], -loss[1]
    outcome: Outcome = "pass" if low >= wanted else "fail" if high < wanted else "inconclusive"
    gain = f"between {low:+.2%} and {high:+.2%} better"
    reason = f"{share_in_words(-point)} than the baseline, {gain}; at least {wanted:+.2%} asked"
    return _outcome(gate, outcome, point, measured.rows, reason, wanted, (low, high))


def _within(gate: Gate, value: float) -> bool:
    return (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)


def _worse(gate: Gate, one: float, other: float) -> float:
    return max(one, other) if gate.max is not None else min(one, other)


def _bounds(gate: Gate, outcome: Outcome) -> str:
    parts = [
        f"{word} {bound:g}"
        for word, bound in (("at least", gate.min), ("at most", gate.max))
        if bound is not None
    ]
    return f"({' and '.join(parts)} {'asked' if outcome == 'fail' else 'allowed'})"


def _outcome(
    gate: Gate,
    outcome: Outcome,
    value: float | None,
    rows: int,
    reason: str,
    threshold: float | None = None,
    interval: tuple[float, float] | None = None,
) -> GateOutcome:
    bound = threshold if threshold is not None else gate.max if gate.max is not None else gate.min
    return GateOutcome(
        gate=gate.name,
        outcome=outcome,
        value=value,
        threshold=bound,
        interval=interval,
        n=rows,
        reason=reason,
    )
