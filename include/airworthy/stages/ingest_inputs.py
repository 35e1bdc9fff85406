"""Ingest inputs: resolves the version that scores, and brings the rows into the lake."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airworthy.batch_scoring.scoring_inputs import (
    inputs_lake,
    score_part_of,
    score_source_in_errors,
    scoring_job,
)
from airworthy.errors import TerminalError
from airworthy.handover import ScoringInputs
from airworthy.job import Job
from airworthy.lake.ingestion import Ingestion, clipped_window
from airworthy.registry.registry import open_registry
from airworthy.traffic.champion_files import champion_digest
from airworthy.traffic.current_traffic import current_traffic

log = logging.getLogger("airworthy.score")


def ingest_inputs(job: Job) -> ScoringInputs:
    """Resolve the champion, then bring every partition of the window to score into the lake.

    The champion is resolved first, so that the run's first champion scores every partition.

    Raises:
        TerminalError: when the spec has no ``score`` part, the model no champion, `as_of` is
            outside the spec's range, the source has no rows for the whole window, or its rows
            cannot be used.
        TransientError: when MLflow, the source, the lake or the ledger cannot be reached.
    """
    window = clipped_window(job, score_part_of(job.spec).window, "score")
    version, digest = _champion(job)
    resolved_at = datetime.now(UTC)
    with score_source_in_errors(job):
        dataset = Ingestion(scoring_job(job), inputs_lake(job.environment, job.spec)).ingest_window(
            window
        )
    log.info("%s: version %s scores %d rows of %s", job.spec.model, version, dataset.rows, window)
    return ScoringInputs(
        model=job.spec.model,
        version=version,
        bundle_digest=digest,
        resolved_at=resolved_at,
        dataset=dataset,
    )


def _champion(job: Job) -> tuple[str, str]:
    """Return the champion's version and the digest of its files, both by the ledger."""
    model = job.spec.model
    champion = current_traffic(job.environment, model).champion
    if champion is None:
        raise TerminalError(
            "there is no champion to score with",
            model=model,
            received="no release in the model's ledger",
            allowed="a released version",
            next_step=f"train and release one: airworthy run {model}",
        )
    return champion.version, champion_digest(open_registry(job.environment), model, champion)
