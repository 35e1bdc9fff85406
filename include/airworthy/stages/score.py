"""Score: writes the champion's predictions of a window's rows into the lake, by partition.

A partition with scores of this version and of the same rows is neither read nor written. Another
champion, or restated rows, replace a partition in one commit. A run that was killed at any point
and is repeated ends with every row scored once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property

import polars as pl

from airworthy.batch_scoring.load_champion import load_champion
from airworthy.batch_scoring.predict import ScoredRows, predict
from airworthy.batch_scoring.score_rows import prediction_rows, quarantined_rows
from airworthy.batch_scoring.score_table import BatchPredictions, is_current
from airworthy.batch_scoring.scored_partition import ScoredPartition
from airworthy.batch_scoring.scoring_inputs import inputs_lake, scoring_job
from airworthy.bundle import ModelBundle
from airworthy.errors import TerminalError
from airworthy.handover import BatchScore, ScoringInputs
from airworthy.handover.score_outputs import Outcome
from airworthy.job import Job, git_commit
from airworthy.predictions.log_rows import KEY_PREFIX, typed_column_name
from airworthy.predictions.prediction_ids import new_request_id

ROWS_AT_ONCE = 100_000
log = logging.getLogger("airworthy.score")


def score(job: Job, scoring_inputs: ScoringInputs) -> BatchScore:
    """Score each partition of the window with the resolved version.

    Memory holds `ROWS_AT_ONCE` rows and one partition's predictions. Rows that cannot be scored go
    to quarantine.

    Raises:
        TerminalError: when the version's files are not the registered ones, it takes columns that
            the spec no longer declares, or more rows than ``ingest.max_bad_share`` cannot be
            scored. Partitions that were scored before stay.
        TransientError: when MLflow or the lake cannot be reached.
    """
    run = _Run(job, scoring_inputs)
    outcomes = {day: run.score(day) for day in sorted(scoring_inputs.dataset.partitions)}
    records = [run.partitions[day] for day in outcomes]
    written = [record for record in records if record.request_id in run.own_requests]
    return BatchScore(
        model=job.spec.model,
        version=scoring_inputs.version,
        bundle_digest=scoring_inputs.bundle_digest,
        table=run.table.uri,
        table_version=max(record.version for record in records),
        window=scoring_inputs.dataset.window,
        partitions=outcomes,
        rows=sum(record.rows for record in records),
        rows_written=sum(record.rows for record in written),
        quarantined=sum(record.quarantined for record in records),
        days_written=[day for day in outcomes if run.partitions[day].run_id == job.run.run_id],
    )


class _Run:
    """One run over a window. `partitions` are the current records of the table's partitions."""

    def __init__(self, job: Job, inputs: ScoringInputs) -> None:
        self.job, self.inputs = scoring_job(job), inputs
        self.lake = inputs_lake(job.environment, job.spec)
        self.table = BatchPredictions(job.environment, job.spec.model)
        self.partitions = self.table.partitions()
        self.own_requests: set[str] = set()

    def score(self, day: str) -> Outcome:
        """Score one day's rows, unless its current scores stay."""
        current, new = self.partitions.get(day), self._new_record(day)
        if current is None or not is_current(current, new):
            current = self._write(new)
        self.partitions[day] = current
        if current.request_id == new.request_id:
            self.own_requests.add(new.request_id)
            return current.cause
        return "unchanged" if current.is_same_scoring(new) else "superseded"

    def _new_record(self, day: str) -> ScoredPartition:
        """Return the record of a partition, before its rows are scored."""
        inputs, run = self.inputs, self.job.run
        return ScoredPartition(
            partition=day,
            model_version=inputs.version,
            bundle_digest=inputs.bundle_digest,
            input_table=inputs.dataset.table,
            input_version=inputs.dataset.version,
            input_digest=inputs.dataset.partitions[day],
            rows=0,
            quarantined=0,
            request_id=new_request_id(),
            scored_at=inputs.resolved_at,
            resolved_at=inputs.resolved_at,
            run_id=run.run_id,
            dag_id=run.dag_id,
            requested_by=run.requested_by,
            git_commit=git_commit(self.job.environment.project),
        )

    def _write(self, new: ScoredPartition) -> ScoredPartition:
        parts = list(self._predict(new))
        rows = pl.concat([part.rows for part in parts])
        unscorable = pl.concat([part.unscorable for part in parts])
        counts = {"rows": rows.height, "quarantined": unscorable.height}
        record = new.model_copy(update={"scored_at": datetime.now(UTC), **counts})
        written = self.table.replace(
            prediction_rows(rows, record), quarantined_rows(unscorable, record), record
        )
        log.info(
            "%s: version %s, %s, %d rows, %d quarantined",
            written.partition,
            written.model_version,
            written.cause,
            written.rows,
            written.quarantined,
        )
        return written

    def _predict(self, new: ScoredPartition) -> Iterator[ScoredRows]:
        """Yield a partition's predictions, at most `ROWS_AT_ONCE` rows at a time.

        Raises:
            TerminalError: when too many rows cannot be scored.
        """
        contents = {new.partition: new.input_digest}
        rows = self.lake.scan(self.inputs.dataset.model_copy(update={"partitions": contents}))
        total = int(rows.select(pl.len()).collect().item())
        allowed, bad = self.job.spec.ingest.max_bad_share * total, 0
        for frame in rows.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True):
            predicted = predict(self._bundle, frame, self._kept_columns, allowed - bad)
            bad += predicted.unscorable.height
            if bad > allowed:
                raise self._too_many_bad(
                    new.partition, predicted.unscorable["reason"][0], bad, total
                )
            yield predicted

    def _too_many_bad(self, day: str, reason: str, bad: int, total: int) -> TerminalError:
        model, share = self.job.spec.model, self.job.spec.ingest.max_bad_share
        return TerminalError(
            f"too many rows of {day} cannot be scored: {reason}",
            model=model,
            stage="score",
            received=f"{bad} of {total} rows, and no more were looked at",
            allowed=f"at most {share:.2%} (ingest.max_bad_share)",
            next_step="correct the source, or train and release a version that takes such rows: "
            f"airworthy run {model}",
        )

    @cached_property
    def _bundle(self) -> ModelBundle:
        """The champion's bundle. The first partition to score loads it."""
        return load_champion(
            self.job.environment, self.inputs, self.lake.schema_of(self.inputs.dataset)
        )

    @cached_property
    def _kept_columns(self) -> list[pl.Expr]:
        """The columns beside each prediction: event time and key, with names of the table."""
        ingest, existing = self.job.spec.ingest, self.table.column_types()
        names = {
            name: typed_column_name(KEY_PREFIX + name, kind, existing)
            for name, kind in ingest.key_types.items()
        }
        key = [pl.col(name).alias(column) for name, column in names.items()]
        return [pl.col(ingest.event_time).alias("event_time"), *key]
