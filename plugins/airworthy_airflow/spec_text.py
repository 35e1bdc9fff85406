"""Parts of a spec as phrases in Markdown, for DAGs' pages and for people who approve."""

from __future__ import annotations

from airworthy.handover import GuardedStep
from airworthy.release.release_rules import ReleaseRules
from airworthy.spec.evaluate_part import Gate
from airworthy.spec.fields import format_duration
from airworthy.spec.release_part import Guard
from airworthy_airflow.markdown_text import as_code


def rollout_text(rules: ReleaseRules) -> str:
    """Return the rollout as a phrase: ``it answers 10 % of the requests for 10m, and then all of them``."""
    if not rules.guarded_steps:
        return "it answers all of the requests at once"
    steps = ", ".join(
        f"{step_text(step)} for {format_duration(rules.bake)}" for step in rules.guarded_steps
    )
    return f"it answers {steps}, watched by the guard, and then all of them"


def step_text(step: GuardedStep) -> str:
    """Return the share of requests in a step of a rollout, as a phrase."""
    return "in shadow" if step == "shadow" else f"{step} % of the requests"


def guard_text(guard: Guard) -> str:
    """Return the guard's limits, as a phrase."""
    parts = [f"at most {guard.error_rate:.2%} errors"]
    if guard.p99_ms is not None:
        parts.append(f"p99 at most {guard.p99_ms:g} ms")
    else:
        parts.append("p99 at most 250 ms or three times the champion's")
    parts.append(f"predictions like the champion's (PSI at most {guard.max_psi:g})")
    parts.append(
        f"on answers whose label came in, a loss at most {guard.max_loss_increase:.0%} above the champion's"
    )
    return ", ".join(parts)


def gate_text(gate: Gate) -> str:
    """Return a gate as a phrase, such as ``rmse at most 6.0 in every city (30 rows or more)``."""
    if gate.against == "champion":
        where = f" in every {as_code(gate.slice)}" if gate.slice else ""
        return f"`{gate.metric}` at most {gate.margin:.1%} worse than the champion's{where}"
    if gate.against == "baseline":
        return f"`{gate.metric}` at least {gate.better_by:.1%} better than the baseline's"
    limits = (("at least", gate.min), ("at most", gate.max))
    bounds = [f"{word} {limit:g}" for word, limit in limits if limit is not None]
    where = f" in every {as_code(gate.slice)} ({gate.min_rows} rows or more)" if gate.slice else ""
    return f"`{gate.metric}` {' and '.join(bounds)}{where}"
