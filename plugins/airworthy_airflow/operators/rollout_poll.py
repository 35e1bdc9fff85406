"""A rollout's status as the time of the next poll and as lines for the log. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from airworthy.handover import ArmFigures, RolloutStatus

# A busy scheduler may not have seen the end of a poll when the next one begins, and take it for
# killed.
SHORTEST_POLL_INTERVAL = timedelta(seconds=2)
LONGEST_POLL_INTERVAL = timedelta(seconds=30)
POLLS_IN_A_STEP = 20


def next_poll(status: RolloutStatus, now: datetime) -> datetime:
    """Return the time of the next poll: sooner in short steps, and soon after a step's end."""
    if status.since is None or status.until is None:
        return now + LONGEST_POLL_INTERVAL
    pause = min(
        max((status.until - status.since) / POLLS_IN_A_STEP, SHORTEST_POLL_INTERVAL),
        LONGEST_POLL_INTERVAL,
    )
    return max(min(now + pause, status.until), now + SHORTEST_POLL_INTERVAL)


def status_lines(status: RolloutStatus) -> list[str]:
    """Return a poll's result for the log: the state, both versions' figures, the reasons."""
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
    figures = [f"{arm.requests:,} requests", f"{arm.errors:,} errors"]
    figures += [
        f"{name} {value:.1f} ms"
        for name, value in (("p50", arm.p50_ms), ("p99", arm.p99_ms))
        if value is not None
    ]
    if arm.mean_loss is not None:
        figures.append(f"mean loss {arm.mean_loss:.4g} over {arm.labels:,} labels")
    return f"  {role:<10} version {arm.version}: {', '.join(figures)}"
