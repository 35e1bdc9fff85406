"""The live window: the newest complete window of live rows."""

from __future__ import annotations

import polars as pl

from airworthy.handover import LiveWindow
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.monitoring.history import find_decision
from airworthy.monitoring.live_rows import LakeRows, LiveRows, LoggedRows
from airworthy.monitoring.spans import Span, last_complete, live_span
from airworthy.traffic import traffic_of


def find_live_window(job: Job) -> LiveWindow:
    """Return the newest window complete by the run's `as_of`, and the origin of its rows.

    With ``monitor.production: auto`` the rows come from the prediction log if it has enough rows in
    the window, else from the lake. The lake's newest window ends at or before the end of its last
    partition, however old that is.

    Raises:
        TerminalError: when an entry of the ledger about traffic cannot be read.
        TransientError: when the lake or the ledger cannot be reached.
    """
    monitor = job.spec.monitor
    logged, span = LoggedRows(job), last_complete(job.run.as_of, monitor.window)
    if monitor.production == "predictions" or (
        monitor.production == "auto" and count_rows(logged, span) >= monitor.min_rows
    ):
        return _live_window(job, logged, span)
    lake = LakeRows.at(job)
    return _live_window(job, lake, live_span(job.run.as_of, lake.until, monitor.window))


def _live_window(job: Job, rows: LoggedRows | LakeRows, span: Span) -> LiveWindow:
    lake = rows if isinstance(rows, LakeRows) else None
    entries = open_ledger(job.environment, job.spec.model).entries()
    champion = traffic_of(entries).champion
    return LiveWindow(
        model=job.spec.model,
        start=span.start,
        end=span.end,
        production="lake" if lake else "predictions",
        version=lake.version if lake else None,
        rows=count_rows(rows, span),
        quarantined=lake.quarantined(span) if lake else 0,
        newest=rows.newest(span),
        champion=champion.version if champion else None,
        champion_digest=champion.bundle_digest if champion else None,
        decided=find_decision(entries, span.end) is not None,
    )


def count_rows(rows: LiveRows, span: Span) -> int:
    """Return the number of rows of a span."""
    return int(rows.scan(span).select(pl.len()).collect().item())
