"""Deploy to staging: compares a version's answers in real servers, and measures its costs.

The ledger names the version as a candidate, so that every server of the role loads it. It records
the result, and then the servers may forget the version.
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
from airworthy.lake.lake import open_dataset_lake
from airworthy.ledger import open_ledger
from airworthy.ledger.events import StagingCheck
from airworthy.reconciliation import require_agreement
from airworthy.registry.registry import open_registry
from airworthy.release.await_replicas import open_replicas, staging_role
from airworthy.release.budget import budget_breaches, staging_budget
from airworthy.release.candidates import (
    CandidateFiles,
    drop_after,
    drop_candidate,
    name_candidate,
)
from airworthy.release.dirty_trees import require_committed
from airworthy.release.open_server import open_server
from airworthy.release.parity import largest_difference
from airworthy.release.release_ledger import view_ledger
from airworthy.spec.waived import waived_expectations, waived_limits
from airworthy.traffic import Candidate, traffic_of

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
            tolerance, the version costs more than the spec's budget, the model files are not the
            registered ones, a server cannot load them, the environment refuses the tree that made
            the version, or the model's records disagree.
        TransientError: when no server reports, or the server cannot be reached.
    """
    registered = open_registry(job.environment).version(job.spec.model, version.version)
    require_committed(job, registered.tags)
    require_agreement(job, "release")
    role = staging_role(job.environment)
    candidate = name_candidate(view_ledger(job), CandidateFiles.of(version), "staging", role)
    result = _recorded_check(job, dataset, challenger, version, candidate)
    log.info(
        "parity on %d rows: largest difference %.3g, at most %.3g allowed; "
        "p99 %.1f ms, loaded in %.2f s",
        result.rows,
        result.max_difference,
        result.tolerance,
        result.p99_ms,
        result.load_seconds or 0.0,
    )
    for waiver in result.waivers:
        log.warning("waived: %s", waiver)
    _require_fit(job, version, result)
    return result


def _recorded_check(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    version: VersionRef,
    candidate: Candidate,
) -> ParityResult:
    """Check the version and record the result. The record ends the candidate."""
    try:
        result = _check_parity(job, dataset, challenger, version, candidate)
    except TerminalError as error:
        _record(job, version, [error.problem], {}, candidate)
        raise
    except BaseException as error:
        drop_after(job, candidate, error)
        raise
    reasons = [*_mismatches(result), *result.breaches]
    _record(job, version, reasons, _finite_figures(result), candidate)
    return result


def _require_fit(job: Job, version: VersionRef, result: ParityResult) -> None:
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
            f"version {version.version} costs more than release.budget or its defaults allow: "
            f"{'; '.join(result.breaches)}",
            model=job.spec.model,
            stage="release",
            next_step="make the features or the model cheaper, or raise the budget in the spec; a "
            "default limit on latency is replaced by release.budget.p50_ms and p99_ms, or waived by "
            "release.waive: [{limit: latency, because: ...}]",
        )


def _check_parity(
    job: Job,
    dataset: DatasetRef,
    challenger: ModelRef,
    version: VersionRef,
    candidate: Candidate,
) -> ParityResult:
    model, number, parity = job.spec.model, version.version, job.spec.release.parity
    # The servers load the version meanwhile.
    folder, _ = open_registry(job.environment).bundle(model, number)
    bundle = ModelBundle.load(folder, version.bundle_digest)
    rows = _holdout_rows(job, dataset, challenger)
    offline = bundle.predict(rows)
    replicas = open_replicas(job.environment, model, candidate.server)
    loaded = replicas.await_loaded(number, version.bundle_digest, candidate.entry)
    with open_server(job.environment, candidate.server) as server:
        served = server.predict_version(model, number, rows)
        # The server handles a single row by other code than a batch.
        single_rows = rows.head(_SINGLE_ROWS)
        served_singly = server.predict_version(model, number, single_rows, chunk_rows=1)
        latency = server.measure_latency(model, number, rows)
    difference = max(
        largest_difference(served, offline),
        largest_difference(served_singly, offline[:_SINGLE_ROWS]),
    )
    costs = {
        "p50_ms": latency.p50_ms,
        "p99_ms": latency.p99_ms,
        "load_seconds": loaded.load_seconds,
        "memory_mib": loaded.memory_mib,
        "size_mib": _size_mib(folder),
    }
    entries = open_ledger(job.environment, model).entries()
    budget = staging_budget(job.spec.release, entries, traffic_of(entries).champion)
    return ParityResult(
        version=number,
        rows=rows.height,
        max_difference=difference,
        tolerance=parity.tolerance,
        matched=difference <= parity.tolerance,
        breaches=budget_breaches(budget, costs),
        waivers=_waivers(job),
        **costs,
    )


def _waivers(job: Job) -> list[str]:
    return [*waived_expectations(job.spec), *waived_limits(job.spec)]


def _size_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _mismatches(result: ParityResult) -> list[str]:
    if result.matched:
        return []
    return [f"a difference of {result.max_difference:.6g}, at most {result.tolerance:.6g} allowed"]


def _finite_figures(result: ParityResult) -> dict[str, Any]:
    figures = result.model_dump(mode="json", exclude={"version", "matched", "breaches", "waivers"})
    # JSON has no NaN, the difference of a missing prediction.
    return {
        key: value if value is not None and math.isfinite(value) else None
        for key, value in figures.items()
    }


def _record(
    job: Job,
    version: VersionRef,
    reasons: list[str],
    figures: dict[str, Any],
    candidate: Candidate,
) -> None:
    """Record the staging check in the ledger, once for each result of a run."""
    check = StagingCheck(
        version=version.version,
        bundle_digest=version.bundle_digest,
        passed=not reasons,
        reasons=reasons,
        waivers=_waivers(job),
        **figures,
    )
    ledger = open_ledger(job.environment, job.spec.model)
    entry = ledger.append(
        check, run_id=job.run.run_id, who=job.run.requested_by, proved_by=job.run.requested_by_proof
    )
    # The result of an earlier check ends no later candidate.
    if entry.sequence < candidate.entry:
        drop_candidate(job, candidate)


def _holdout_rows(job: Job, dataset: DatasetRef, challenger: ModelRef) -> pl.DataFrame:
    """Return input rows from every day of the holdout, up to the spec's number."""
    lake = open_dataset_lake(job.environment, dataset)
    start, end = challenger.split.holdout_start, challenger.split.end
    days = dataset.partition_days(start, end)
    missing, samples = job.spec.release.parity.rows, []
    for number, day in enumerate(days):
        share = -(-missing // (len(days) - number))
        frame = lake.read_partition(dataset, day, start, end).select(list(job.spec.inputs))
        samples.append(frame.gather_every(max(1, frame.height // max(1, share))).head(share))
        missing -= samples[-1].height
    return pl.concat(samples)
