"""Deploy to staging: load the version in the real server and compare its answers with the offline predictions."""

from __future__ import annotations

import logging
from datetime import date

import numpy as np
import polars as pl

from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, ParityResult, VersionRef
from airworthy.job import Job
from airworthy.lake.table import open_lake
from airworthy.registry.store import open_registry
from airworthy.release.server import open_server

log = logging.getLogger("airworthy.release")


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
        latency = server.measure_latency(job.spec.model, version.version, rows)
    difference = float(np.max(np.abs(np.asarray(served, dtype=np.float64) - offline)))
    rule = job.spec.release.parity
    scale = max(1.0, float(np.max(np.abs(offline))))
    result = ParityResult(
        version=version.version, rows=rows.height, max_difference=difference, tolerance=rule.tolerance * scale,
        matched=difference <= rule.tolerance * scale, p50_ms=latency.p50_ms, p99_ms=latency.p99_ms,
    )  # fmt: skip
    log.info(
        "parity on %d rows: largest difference %.3g, at most %.3g allowed", rows.height, difference, result.tolerance
    )
    if not result.matched:
        raise TerminalError(
            "the server answers otherwise than the model does offline", model=job.spec.model, stage="release",
            received=f"a difference of {difference:.6g}", allowed=f"at most {result.tolerance:.6g}",
            next_step="compare the server's versions of the libraries with those the model was trained with",
        )  # fmt: skip
    return result


def _holdout_rows(job: Job, dataset: DatasetRef, challenger: ModelRef) -> pl.DataFrame:
    """Return the first rows of the holdout, inputs only, up to the spec's number."""
    lake = open_lake(job.environment, job.spec.model)
    wanted, found = job.spec.release.parity.rows, []
    for day in sorted(dataset.partitions):
        if challenger.split.holdout_start.date() <= date.fromisoformat(day) < challenger.split.end.date():
            frame = lake.read_partition(dataset, date.fromisoformat(day)).select(list(job.spec.inputs)).head(wanted)
            found.append(frame)
            wanted -= frame.height
        if wanted <= 0:
            break
    return pl.concat(found)
