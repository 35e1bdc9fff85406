"""Deploy to staging: load the version in a real server, compare its answers, and see what it costs there.

Whatever comes of it is in the ledger, and nothing stays loaded: production loads what it releases.
"""

from __future__ import annotations

import logging
import math
from datetime import date
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
from airworthy.release.budget import breaches
from airworthy.release.open_server import discard, open_server
from airworthy.release.parity import largest_difference

log = logging.getLogger("airworthy.release")

_ALONE = 50


def deploy_staging(
    job: Job, dataset: DatasetRef, challenger: ModelRef, version: VersionRef
) -> ParityResult:
    """Load a version where it takes no traffic, send it holdout rows over HTTP, compare and measure.

    Raises:
        TerminalError: when an answer differs from the offline prediction by more than the tolerance, when the version
            costs more than the spec's budget, or when the model files are not those that were registered.
        TransientError: when the server cannot be reached.
    """
    try:
        found = _try(job, dataset, challenger, version)
    except TerminalError as error:
        _record(job, version, [error.problem], {})
        raise
    log.info(
        "parity on %d rows: largest difference %.3g, at most %.3g allowed; p99 %.1f ms, loaded in %.2f s",
        found.rows,
        found.max_difference,
        found.tolerance,
        found.p99_ms,
        found.load_seconds or 0.0,
    )
    difference = (
        f"a difference of {found.max_difference:.6g}, at most {found.tolerance:.6g} allowed"
    )
    _record(
        job, version, [*([] if found.matched else [difference]), *found.breaches], _figures(found)
    )
    if not found.matched:
        raise TerminalError(
            "the server answers otherwise than the model does offline",
            model=job.spec.model,
            stage="release",
            received=f"a difference of {found.max_difference:.6g}",
            allowed=f"at most {found.tolerance:.6g}",
            next_step="compare the server's versions of the libraries with those the model was trained with",
        )
    if found.breaches:
        raise TerminalError(
            f"version {version.version} costs more than release.budget allows: {'; '.join(found.breaches)}",
            model=job.spec.model,
            stage="release",
            next_step="make the features or the model cheaper, or raise the budget in the spec",
        )
    return found


def _try(job: Job, dataset: DatasetRef, challenger: ModelRef, version: VersionRef) -> ParityResult:
    model, number, parity = job.spec.model, version.version, job.spec.release.parity
    registry = open_registry(job.environment)
    folder, digest = registry.bundle(model, number)
    bundle = ModelBundle.load(folder, digest)
    rows = _holdout_rows(job, dataset, challenger)
    offline = bundle.predict(rows)
    # Two runs on the same data make the same version: the one that is done first must not unload it under the other.
    with registry.releasing(model), open_server(job.environment, "staging") as server:
        try:
            loaded = server.load_candidate(model, number)
            served = server.predict_version(model, number, rows)
            # A single row takes another way through the server than many do.
            alone = server.predict_version(model, number, rows.head(_ALONE), chunk_rows=1)
            latency = server.measure_latency(model, number, rows)
        finally:
            discard(server, model, number)
    difference = max(
        largest_difference(served, offline), largest_difference(alone, offline[:_ALONE])
    )
    cost = {
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
        breaches=breaches(job.spec.release.budget, cost),
        **cost,
    )


def _size_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _figures(found: ParityResult) -> dict[str, Any]:
    told: dict[str, Any] = found.model_dump(mode="json", exclude={"version", "matched", "breaches"})
    # A difference that cannot be told is no JSON.
    return {
        key: value if value is not None and math.isfinite(value) else None
        for key, value in told.items()
    }


def _record(job: Job, version: VersionRef, reasons: list[str], figures: dict[str, Any]) -> None:
    """Leave what staging said in the ledger: once for each answer of a run."""
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
    """Return rows from every day of the holdout, inputs only, up to the spec's number."""
    lake = open_lake(job.environment, job.spec.model)
    first, last = challenger.split.holdout_start.date(), challenger.split.end.date()
    days = [
        day for day in map(date.fromisoformat, sorted(dataset.partitions)) if first <= day < last
    ]
    wanted, found = job.spec.release.parity.rows, []
    for place, day in enumerate(days):
        share = -(-wanted // (len(days) - place))
        frame = lake.read_partition(dataset, day).select(list(job.spec.inputs))
        found.append(frame.gather_every(max(1, frame.height // max(1, share))).head(share))
        wanted -= found[-1].height
    return pl.concat(found)
