"""A verdict as a table of plain text, for logs, terminals and MLflow's description."""

from __future__ import annotations

from airworthy.handover import Verdict

_MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "????"}


def verdict_table(verdict: Verdict) -> str:
    """Return metrics by role, then one line per gate with its outcome and reason, then the outcome."""
    roles = [role for role in ("challenger", "champion", "baseline") if role in verdict.metrics]
    names = list(verdict.metrics["challenger"])
    lines = [
        f"{verdict.model}: {verdict.holdout_rows:,} holdout rows",
        f"{'':<12}" + "".join(f"{r:>12}" for r in roles),
    ]
    for name in names:
        values = [verdict.metrics[role].get(name) for role in roles]
        lines.append(
            f"{name:<12}" + "".join(f"{'-' if v is None else f'{v:.4g}':>12}" for v in values)
        )
    lines.append("")
    width = max(len(gate.gate) for gate in verdict.gates)
    lines += [
        f"{_MARKS[gate.outcome]}  {gate.gate:<{width}}  {gate.reason}" for gate in verdict.gates
    ]
    released = (
        "may be released" if verdict.releasable else "is not released; the champion keeps serving"
    )
    lines += ["", f"verdict: {verdict.outcome}: this challenger {released}"]
    return "\n".join(lines)
