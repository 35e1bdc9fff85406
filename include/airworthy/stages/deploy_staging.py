"""Deploy to staging: load the version in the real server and compare its answers with the offline predictions."""

from __future__ import annotations

import logging
from datetime import date

import polars as pl

from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, ParityResult, VersionRef
from airworthy.job import Job
from airworthy.lake.table import open_lake
from airworthy.registry.store import open_registry
from airworthy.release.client import Latency
from airworthy.release.parity import largest_difference
from airworthy.release.server import discard, open_server

log = logging.getLogger("airworthy.release")

_ALONE = 50


def deploy_staging(job: Job, dataset: DatasetRef, challenger: ModelRef, version: VersionRef) -> ParityResult:
    """Load a version beside the champion, send it holdout rows over HTTP and compare.

    Raises:
        TerminalError: when an answer differs from the offline prediction by more than the tolerance, or when the
            model files are not those that were registered.
        TransientError: when the server cannot be reached.
    """
    registry = open_registry(job.environment)
    bundle = ModelBundle.load(*registry.bundle(job.spec.model, version.version))
    rows = _holdout_rows(job, dataset, challenger)
    offline = bundle.predict(rows)
    with open_server(job.environment) as server:
        server.load_candidate(job.spec.model, version.version)
        served = server.predict_version(job.spec.model, version.version, rows)
        # A single row takes another way through the server than many do.
        alone = server.predict_version(job.spec.model, version.version, rows.head(_ALONE), chunk_rows=1)
        latency = server.measure_latency(job.spec.model, version.version, rows)
        difference = max(largest_difference(served, offline), largest_difference(alone, offline[:_ALONE]))
        if not difference <= job.spec.release.parity.tolerance:
            discard(server, version)
    return _matched(job, version, rows.height, difference, latency)


def _matched(job: Job, version: VersionRef, rows: int, difference: float, latency: Latency) -> ParityResult:
    tolerance = job.spec.release.parity.tolerance
    log.info("parity on %d rows: largest difference %.3g, at most %.3g allowed", rows, difference, tolerance)
    if not difference <= tolerance:
        raise TerminalError(
            "the server answers otherwise than the model does offline", model=job.spec.model, stage="release",
            received=f"a difference of {difference:.6g}", allowed=f"at most {tolerance:.6g}",
            next_step="compare the server's versions of the libraries with those the model was trained with",
        )  # fmt: skip
    return ParityResult(
        version=version.version, rows=rows, max_difference=difference, tolerance=tolerance, matched=True,
        p50_ms=latency.p50_ms, p99_ms=latency.p99_ms,
    )  # fmt: skip


def _holdout_rows(job: Job, dataset: DatasetRef, challenger: ModelRef) -> pl.DataFrame:
    """Return rows from every day of the holdout, inputs only, up to the spec's number."""
    lake = open_lake(job.environment, job.spec.model)
    first, last = challenger.split.holdout_start.date(), challenger.split.end.date()
    days = [day for day in map(date.fromisoformat, sorted(dataset.partitions)) if first <= day < last]
    wanted, found = job.spec.release.parity.rows, []
    for place, day in enumerate(days):
        share = -(-wanted // (len(days) - place))
        frame = lake.read_partition(dataset, day).select(list(job.spec.inputs))
        found.append(frame.gather_every(max(1, frame.height // max(1, share))).head(share))
        wanted -= found[-1].height
    return pl.concat(found)
