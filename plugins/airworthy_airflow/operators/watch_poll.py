"""A watch's status as the time of the next look and as lines for the log. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from airworthy.handover import WatchStatus

SHORTEST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
LOST_PAUSE = timedelta(minutes=1)
MAX_LOST_POLLS = 120
"""Looks that may fail in one watch, such as while the store cannot be reached."""


def next_look(status: WatchStatus, now: datetime) -> datetime:
    """Return the time of the next look: soon after the release, each five minutes later.

    A pause is a twentieth of the time that the version has been champion.
    """
    if status.since is None or status.until is None:
        return now + LONGEST_PAUSE
    pause = min(max((now - status.since) / 20, SHORTEST_PAUSE), LONGEST_PAUSE)
    return max(min(now + pause, status.until), now + SHORTEST_PAUSE)


def watch_lines(status: WatchStatus) -> list[str]:
    """Return a look's result for the log: the state, the figures, the reasons."""
    until = f" until {status.until:%Y-%m-%d %H:%M:%S} UTC" if status.until else ""
    figures, parts = status.figures, []
    if figures is not None:
        parts.append(f"{figures.requests:,} requests, {figures.errors:,} errors")
        if figures.p99_ms is not None:
            parts.append(f"p99 {figures.p99_ms:.1f} ms")
        if figures.mean_loss is not None:
            parts.append(f"mean loss {figures.mean_loss:.4g} over {figures.labels:,} labels")
    return [
        f"{status.model} version {status.version}: {status.state}{until}",
        *([", ".join(parts)] if parts else []),
        *status.reasons,
    ]
