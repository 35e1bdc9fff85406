"""Factories of alerts about a watched champion and about rollback drills. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.alerts.alert import Alert
from airworthy.handover import DrillResult, WatchStatus
from airworthy.shown_text import as_lines


def watch_trip(status: WatchStatus, links: Mapping[str, str]) -> Alert:
    """Return the alert about a champion that the guard found bad after its release.

    Args:
        status: The watch's status.
        links: Links to the evidence.
    """
    since = f"{status.since:%Y-%m-%d %H:%M:%S}" if status.since else "an unknown time"
    figures = status.figures
    counts = f"{figures.requests:,} requests, {figures.errors:,} errors" if figures else "none"
    return Alert(
        kind="guard_trip",
        model=status.model,
        about=f"version {status.version} champion since {since}",
        severity="critical",
        title=f"{status.model}: version {status.version} is bad after its release, traffic goes "
        "back",
        text=as_lines(status.reasons),
        facts={"version": str(status.version), "champion since": f"{since} UTC", "seen": counts},
        links=dict(links),
        next_step=f"airworthy ledger {status.model} says whether the rollback was completed, and "
        "has the figures",
    )


def failed_drill(result: DrillResult, run_id: str, links: Mapping[str, str]) -> Alert:
    """Return the alert about a rollback drill that failed. Production is as it was.

    Args:
        result: The drill's result.
        run_id: The run of the drill.
        links: Links to the evidence.
    """
    return Alert(
        kind="rollback_drill",
        model=result.model,
        about=f"{result.champion} to {result.predecessor} {run_id}",
        severity="critical",
        title=f"{result.model}: a rollback would not go well, the drill in staging failed",
        text=as_lines(result.reasons),
        facts={"champion": result.champion, "predecessor": result.predecessor},
        links=dict(links),
        next_step=f"mend it before a rollback is needed, then airworthy drill {result.model}",
    )
