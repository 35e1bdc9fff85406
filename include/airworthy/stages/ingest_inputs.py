"""Ingest inputs: resolves the version that scores, and brings the rows into the lake."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airworthy.batch_scoring.load_champion import resolve_champion
from airworthy.batch_scoring.scoring_inputs import (
    inputs_lake,
    score_part_of,
    score_source_in_errors,
    scoring_job,
)
from airworthy.handover import ScoringInputs
from airworthy.job import Job
from airworthy.lake.ingestion import Ingestion
from airworthy.lake.run_days import clipped_window
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
    traffic = current_traffic(job.environment, job.spec.model)
    version, digest = resolve_champion(job.environment, job.spec.model, traffic, "score")
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
