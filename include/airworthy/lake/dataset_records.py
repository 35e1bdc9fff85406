"""The kinds of records of a dataset version: its content, validation, training and benchmark."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from airworthy.handover import IngestCounts, StageOutput, Window
from airworthy.lake.statistics import ColumnStatistics


class Event(StageOutput):
    """An event about a dataset version, recorded by a run; all times are UTC."""

    run_id: str
    dag_id: str | None = None
    requested_by: str = "unknown"
    time: AwareDatetime


class DatasetRecord(Event):
    """A dataset version as first ingested.

    Attributes:
        id: Model, window's end and the digest's first twelve digits.
        model: The model.
        digest: SHA-256 over every row, column and type.
        table: The address of the Delta table.
        version: The table's Delta version with this content.
        window: The window of the run.
        source: The source of the run, without secrets.
        preprocessing: Digest of the preprocessing of raw rows.
        git_commit: The project's commit.
        reason: The reason of the run.
        rows: Rows in the window.
        quarantined: Unusable rows in the window.
        partition_count: Days of the window with rows.
        statistics: By column, over all rows.
        counts: What became of the source's rows; None in records of earlier versions.
        refresh: The days that the run was asked to read again, such as ``2026-01-01..2026-01-31``.
    """

    id: str
    model: str
    digest: str
    table: str
    version: int
    window: Window
    source: str
    preprocessing: str
    git_commit: str
    reason: str
    rows: int
    quarantined: int
    partition_count: int
    statistics: dict[str, ColumnStatistics]
    counts: IngestCounts | None = None
    refresh: str | None = None


class ValidationRecord(Event):
    """The result of a validation: names of failed checks, and the number of warnings.

    `waivers` lists the waived default expectations with their reasons.
    """

    success: bool
    checks: int
    warnings: int
    failed: list[str]
    waivers: list[str] = Field(default_factory=list)
    evidence: str


class TrainingRecord(Event):
    """A training on the dataset, and its split by time.

    ``[start, tuning_start)`` fitted the model, ``[tuning_start, holdout_start)`` stopped the
    rounds, ``[holdout_start, end)`` is the holdout. `rows` counts the rows with a known label in
    each part. `lock_digest` is the SHA-256 of the lock of the libraries; older records lack it.
    `fitted_days` are the newest days before the holdout that the model was fitted on, or ``all``.
    """

    mlflow_run_id: str
    idempotency_key: str
    bundle_digest: str
    git_commit: str
    lock_digest: str = "unknown"
    reason: str
    parameters: dict[str, JsonValue]
    best_iteration: int
    fitted_days: str = "all"
    start: AwareDatetime
    tuning_start: AwareDatetime
    holdout_start: AwareDatetime
    end: AwareDatetime
    rows: dict[Literal["learning", "tuning", "holdout"], int]

    @property
    def ratio(self) -> dict[str, float]:
        """The share of the labelled rows in each part."""
        total = sum(self.rows.values())
        return {part: rows / total if total else 0.0 for part, rows in self.rows.items()}


class BenchmarkRecord(Event):
    """The metrics of a model trained on the dataset, by role (challenger, champion, baseline)."""

    mlflow_run_id: str
    outcome: str
    champion_version: str | None
    holdout_rows: int
    metrics: dict[str, dict[str, float]]


KINDS: dict[str, type[Event]] = {
    "dataset": DatasetRecord, "validation": ValidationRecord, "training": TrainingRecord,
    "benchmark": BenchmarkRecord,
}  # fmt: skip
