"""A verdict as a table of plain text, for logs, terminals and MLflow's description."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.handover import GateState, Verdict
from airworthy.shown_text import one_line

_MARKS: dict[GateState, str] = {
    "pass": "PASS",
    "fail": "FAIL",
    "inconclusive": "????",
    "waived": "WAIV",
    "excused": "EXCU",
}
_ROLES = ("challenger", "champion", "baseline")


def verdict_table(verdict: Verdict) -> str:
    """Return metrics by role, a line per gate with outcome and reason, and the verdict."""
    roles = [role for role in _ROLES if role in verdict.metrics]
    lines = [
        f"{verdict.model}: {verdict.holdout_rows:,} holdout rows",
        f"{'':<12}" + "".join(f"{role:>12}" for role in roles),
    ]
    lines += [_metric_line(verdict, name, roles) for name in verdict.metrics["challenger"]]
    lines.append("")
    width = max((len(gate.gate) for gate in verdict.gates), default=0)
    lines += [
        f"{_MARKS[gate.outcome]}  {gate.gate:<{width}}  {gate.reason}" for gate in verdict.gates
    ]
    released = (
        "may be released" if verdict.releasable else "is not released; the champion keeps serving"
    )
    lines += ["", f"verdict: {verdict.outcome}: this challenger {released}"]
    lines += [f"waived: {waiver}" for waiver in verdict.waivers]
    lines += [f"the champion fails its own gates: {text}" for text in verdict.champion_failing]
    return "\n".join(map(one_line, lines))


def _metric_line(verdict: Verdict, name: str, roles: Sequence[str]) -> str:
    values = [verdict.metrics[role].get(name) for role in roles]
    texts = ["-" if value is None else f"{value:.4g}" for value in values]
    return f"{name:<12}" + "".join(f"{text:>12}" for text in texts)
