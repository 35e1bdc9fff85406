"""Deploy to staging: loads the version in a real server, compares its answers, measures its costs.

The ledger records the result. The version is unloaded at the end: production loads it again.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import polars as pl

from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, ParityResult, VersionRef
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StagingCheck
from airworthy.registry.registry import open_registry
from airworthy.release.budget import budget_breaches
from airworthy.release.open_server import discard_candidate, open_server
from airworthy.release.parity import largest_difference

log = logging.getLogger("airworthy.release")

_SINGLE_ROWS = 50  # one per request


def deploy_staging(
    job: Job, dataset: DatasetRef, challenger: ModelRef, version: VersionRef
) -> ParityResult:
    """Load a version without traffic, send it holdout rows over HTTP, compare and measure.

    Args:
        job: The run.
        dataset: The dataset version with the holdout.
        challenger: The trained model.
        version: Its registered version.

    Raises:
        TerminalError: when an answer differs from the offline prediction by more than the
            tolerance, the version costs more than the spec's budget, or the model files are not
            the registered ones.
        TransientError: when the server cannot be reached.
    """
    try:
        result = _check_parity(job, dataset, challenger, version)
    except TerminalError as error:
        _record(job, version, [error.problem], {})
        raise
    log.info(
        "parity on %d rows: largest difference %.3g, at most %.3g allowed; "
        "p99 %.1f ms, loaded in %.2f s",
        result.rows,
        result.max_difference,
        result.tolerance,
        result.p99_ms,
        result.load_seconds or 0.0,
    )
    reasons = [*_mismatches(result), *result.breaches]
    _record(job, version, reasons, _finite_figures(result))
    if not result.matched:
        raise TerminalError(
            "the server answers otherwise than the model does offline",
            model=job.spec.model,
            stage="release",
            received=f"a difference of {result.max_difference:.6g}",
            allowed=f"at most {result.tolerance:.6g}",
            next_step="compare the server's versions of the libraries with those the model was "
            "trained with",
        )
    if result.breaches:
        raise TerminalError(
            f"version {version.version} costs more than release.budget allows: "
            f"{'; '.join(result.breaches)}",
            model=job.spec.model,
            stage="release",
            next_step="make the features or the model cheaper, or raise the budget in the spec",
        )
    return result


def _check_parity(
    job: Job, dataset: DatasetRef, challenger: ModelRef, version: VersionRef
) -> ParityResult:
    model, number, parity = job.spec.model, version.version, job.spec.release.parity
    registry = open_registry(job.environment)
    folder, digest = registry.bundle(model, number)
    bundle = ModelBundle.load(folder, digest)
    rows = _holdout_rows(job, dataset, challenger)
    offline = bundle.predict(rows)
    # Two runs on the same data share a version: one must not unload it while the other needs it.
    with registry.release_lock(model), open_server(job.environment, "staging") as server:
        try:
            loaded = server.load_candidate(model, number)
            served = server.predict_version(model, number, rows)
            # The server handles a single row by other code than a batch.
            single_rows = rows.head(_SINGLE_ROWS)
            served_singly = server.predict_version(model, number, single_rows, chunk_rows=1)
            latency = server.measure_latency(model, number, rows)
        finally:
            discard_candidate(server, model, number)
    difference = max(
        largest_difference(served, offline),
        largest_difference(served_singly, offline[:_SINGLE_ROWS]),
    )
    costs = {
        "p50_ms": latency.p50_ms,
        "p99_ms": latency.p99_ms,
        "load_seconds": loaded.get("load_seconds"),
        "memory_mib": loaded.get("memory_mib"),
        "size_mib": _size_mib(folder),
    }
    return ParityResult(
        version=number,
        rows=rows.height,
        max_difference=difference,
        tolerance=parity.tolerance,
        matched=difference <= parity.tolerance,
        breaches=budget_breaches(job.spec.release.budget, costs),
        **costs,
    )


def _size_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _mismatches(result: ParityResult) -> list[str]:
    if result.matched:
        return []
    return [f"a difference of {result.max_difference:.6g}, at most {result.tolerance:.6g} allowed"]


def _finite_figures(result: ParityResult) -> dict[str, Any]:
    figures = result.model_dump(mode="json", exclude={"version", "matched", "breaches"})
    # JSON has no NaN, the difference of a missing prediction.
    return {
        key: value if value is not None and math.isfinite(value) else None
        for key, value in figures.items()
    }


def _record(job: Job, version: VersionRef, reasons: list[str], figures: dict[str, Any]) -> None:
    """Record the staging check in the ledger, once for each result of a run."""
    check = StagingCheck(
        version=version.version,
        bundle_digest=version.bundle_digest,
        passed=not reasons,
        reasons=reasons,
        **figures,
    )
    ledger = open_ledger(job.environment, job.spec.model)
    ledger.append(check, run_id=job.run.run_id, who=job.run.requested_by)


def _holdout_rows(job: Job, dataset: DatasetRef, challenger: ModelRef) -> pl.DataFrame:
    """Return input rows from every day of the holdout, up to the spec's number."""
    lake = open_lake(job.environment, job.spec.model)
    days = dataset.partition_days(challenger.split.holdout_start, challenger.split.end)
    missing, samples = job.spec.release.parity.rows, []
    for number, day in enumerate(days):
        share = -(-missing // (len(days) - number))
        frame = lake.read_partition(dataset, day).select(list(job.spec.inputs))
        samples.append(frame.gather_every(max(1, frame.height // max(1, share))).head(share))
        missing -= samples[-1].height
    return pl.concat(samples)
