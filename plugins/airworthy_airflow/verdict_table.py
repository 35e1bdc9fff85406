"""A verdict as text for people: used in task logs and by the demo."""

from __future__ import annotations

from airworthy.handover import GateOutcome, Verdict


def verdict_table(verdict: Verdict) -> str:
    """Return the verdict as lines: the metrics of each model, then one line a gate."""
    return "\n".join(
        [
            f"Verdict on {verdict.model}: {verdict.outcome} ({verdict.holdout_rows} holdout rows)",
            "",
            *_aligned(metric_rows(verdict)),
            "",
            *_aligned([["gate", "outcome", "value", "threshold", "n", "reason"], *map(gate_row, verdict.gates)]),
        ]
    )


def metric_rows(verdict: Verdict) -> list[list[str]]:
    """Return a header row and one row for each of challenger, champion, baseline."""
    names = list(dict.fromkeys(name for metrics in verdict.metrics.values() for name in metrics))
    rows = [[who, *(_number(metrics.get(name)) for name in names)] for who, metrics in verdict.metrics.items()]
    return [["", *names], *rows]


def gate_row(gate: GateOutcome) -> list[str]:
    """Return a gate's name, outcome, value, threshold, rows and reason as text."""
    return [gate.gate, gate.outcome, _number(gate.value), _number(gate.threshold), str(gate.n), gate.reason]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
