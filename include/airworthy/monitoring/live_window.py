"""Which rows are looked at: the newest complete window of production."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import polars as pl

from airworthy.handover import LiveWindow
from airworthy.job import Job
from airworthy.ledger import open_ledger
from airworthy.monitoring.history import decided
from airworthy.monitoring.live_rows import LakeRows, PredictionRows, Production
from airworthy.monitoring.spans import Span, last_complete
from airworthy.registry.registry import open_registry


def find_live_window(job: Job) -> LiveWindow:
    """Return the newest window that is complete by the run's `as_of`, and where its rows are.

    With ``monitor.production: auto`` it is taken from the prediction log when that has enough rows of it, else from the
    lake; the lake's newest window ends with its last partition, however old that is.

    Raises:
        TransientError: when the lake or MLflow cannot be reached.
    """
    chosen, span = (
        job.spec.monitor.production,
        last_complete(job.run.as_of, job.spec.monitor.window),
    )
    predictions = PredictionRows(job)
    if chosen == "predictions" or (
        chosen == "auto" and count_rows(predictions, span) >= job.spec.monitor.min_rows
    ):
        return _window(job, "predictions", predictions, span, predictions.newest(span), None)
    lake = LakeRows.at(job)
    if lake.until is not None:
        span = last_complete(min(job.run.as_of, lake.until), job.spec.monitor.window)
    return _window(job, "lake", lake, span, lake.newest(span), lake)


def _window(
    job: Job,
    kind: Literal["predictions", "lake"],
    rows: Production,
    span: Span,
    newest: datetime | None,
    lake: LakeRows | None,
) -> LiveWindow:
    return LiveWindow(
        model=job.spec.model,
        start=span.start,
        end=span.end,
        production=kind,
        version=lake.version if lake else None,
        rows=count_rows(rows, span),
        quarantined=lake.quarantined(span) if lake else 0,
        newest=newest,
        champion=open_registry(job.environment).champion(job.spec.model),
        decided=decided(open_ledger(job.environment, job.spec.model).entries(), span.end)
        is not None,
    )


def count_rows(rows: Production, span: Span) -> int:
    """Return how many rows a span has."""
    return int(rows.scan(span).select(pl.len()).collect().item())
