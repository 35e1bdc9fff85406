"""A rollout's status, as the time of the next look and as lines for the log. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from airworthy.handover import ArmFigures, RolloutStatus

# Less, and a busy scheduler may not have seen the end of a look when the next one begins: it takes it for killed.
SHORTEST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(seconds=30)
LOOKS_IN_A_STEP = 20


def next_look(status: RolloutStatus, now: datetime) -> datetime:
    """Return when to look again: sooner in short steps, and not long after a step's end."""
    if status.since is None or status.until is None:
        return now + LONGEST_PAUSE
    pause = min(max((status.until - status.since) / LOOKS_IN_A_STEP, SHORTEST_PAUSE), LONGEST_PAUSE)
    return max(min(now + pause, status.until), now + SHORTEST_PAUSE)


def status_lines(status: RolloutStatus) -> list[str]:
    """Return what a look found, for the log: the state, both versions' figures, the reasons."""
    step = "shadow" if status.step == "shadow" else f"{status.step} %"
    until = (
        f" until {status.until:%Y-%m-%d %H:%M:%S} UTC"
        if status.state == "baking" and status.until
        else ""
    )
    psi = "" if status.psi is None else f", predictions' PSI {status.psi:.3f}"
    arms = (("challenger", status.challenger), ("champion", status.champion))
    return [
        f"{status.model} version {status.version}, {step}: {status.state}{until}{psi}",
        *(_arm_line(role, arm) for role, arm in arms if arm is not None),
        *status.reasons,
    ]


def _arm_line(role: str, arm: ArmFigures) -> str:
    found = [f"{arm.requests:,} requests", f"{arm.errors:,} errors"]
    found += [
        f"{name} {value:.1f} ms"
        for name, value in (("p50", arm.p50_ms), ("p99", arm.p99_ms))
        if value is not None
    ]
    if arm.mean_loss is not None:
        found.append(f"mean loss {arm.mean_loss:.4g} over {arm.labels:,} labels")
    return f"  {role:<10} version {arm.version}: {', '.join(found)}"
