"""Outputs of a training run: from the request to a registered version."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import AwareDatetime, Field, JsonValue, field_validator, model_validator

from airworthy.days import days_between, midnight
from airworthy.handover.day_range import parse_day_range
from airworthy.handover.ingest_counts import IngestCounts
from airworthy.handover.stage_output import StageOutput
from airworthy.spec.fields import ModelName

TriggerReason = Literal[
    "scheduled", "backfill", "manual", "api", "new_data", "drift", "performance", "code_change"
]
Promote = Literal["auto", "always", "never"]
Outcome = Literal["pass", "fail", "inconclusive"]
GateState = Literal["pass", "fail", "inconclusive", "waived", "excused"]
ProvedBy = Literal["airflow", "operating system", "nobody"]
"""The proof of a person's name: Airflow's login, the process's user, or none."""
_LONGEST_NAME = 200  # File systems allow 255 bytes.


class Window(StageOutput):
    """``[start, end)`` in UTC, whole days; `end` is the run's `as_of`."""

    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError(
                f"a window's start must be before its end, got [{self.start}, {self.end})"
            )
        return self

    @classmethod
    def ending(cls, as_of: datetime, lookback: timedelta) -> Window:
        """Return ``[as_of - lookback, as_of)``."""
        return cls(start=as_of - lookback, end=as_of)

    @property
    def days(self) -> list[date]:
        """The UTC days of the window, in order: its partitions."""
        return days_between(self.start, self.end)

    def __str__(self) -> str:
        """Return ``[2026-01-01, 2026-01-29)``."""
        return f"[{self.start:%Y-%m-%d}, {self.end:%Y-%m-%d})"


class RunRequest(StageOutput):
    """The request for a run of a model: by a person or a DAG, as of a time, for a reason.

    `requested_by_proof` is the proof of the name in `requested_by`. `refresh` is a range of days to
    read again from the source, such as ``2026-01-01..2026-01-31``; a wrong one is a `TerminalError`.
    """

    model: ModelName
    as_of: AwareDatetime
    reason: TriggerReason
    run_id: Annotated[str, Field(min_length=1)]
    dag_id: str | None = None
    requested_by: str = "unknown"
    requested_by_proof: ProvedBy = "nobody"
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    promote: Promote = "auto"
    refresh: str | None = None

    @field_validator("refresh")
    @classmethod
    def _is_a_range(cls, text: str | None) -> str | None:
        if not text:
            return None
        parse_day_range(text)
        return text

    @property
    def folder_name(self) -> str:
        """The run id as one path component, unique for each run id."""
        return run_folder(self.run_id)


def run_folder(run_id: str) -> str:
    """Return a run id as one path component, unique for each run id."""
    name = quote(run_id, safe=":+", errors="surrogatepass")
    if not name.strip("."):  # "." and ".." are other folders
        return name.replace(".", "%2E")
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}-{digest}"


class DatasetRef(StageOutput):
    """An immutable dataset version: the rows of a window at a Delta version.

    `partitions` maps each partition (``2026-01-31``) to its content digest. `counts` has what became
    of the source's rows; None: an earlier version ingested it.
    """

    model: str
    table: str
    version: int
    window: Window
    partitions: dict[str, str]
    rows: int
    quarantined: int
    digest: str
    partitions_read: int = 0
    counts: IngestCounts | None = None

    @property
    def id(self) -> str:
        """A short name for people: model, window's end and the digest's first twelve digits."""
        return f"{self.model}/{self.window.end:%Y-%m-%d}/{self.digest[:12]}"

    def partition_days(self, start: datetime, end: datetime) -> list[date]:
        """Return the UTC days with a partition that have moments of ``[start, end)``, in order."""
        days = map(date.fromisoformat, sorted(self.partitions))
        return [day for day in days if start.date() <= day and midnight(day) < end]


class CheckResult(StageOutput):
    """The result of one expectation on all partitions of a dataset, or of a distribution check.

    `rule` names the default expectation behind it; None: the spec's own. `waived` is the reason of
    a failure that the spec waives: it stops nothing.
    """

    check: str
    column: str | None
    severity: Literal["critical", "warning"]
    success: bool
    failed_partitions: list[str] = Field(default_factory=list)
    observed: str = ""
    rule: Literal["schema", "nulls", "row_count"] | None = None
    waived: str | None = None

    @property
    def stops(self) -> bool:
        """True when it stops the run: a critical failure that is not waived."""
        return not self.success and self.severity == "critical" and self.waived is None


class ValidationResult(StageOutput):
    """The result of the validate stage; only a critical failure makes `success` false."""

    success: bool
    dataset_digest: str
    checks: list[CheckResult]
    evidence: str


class Split(StageOutput):
    """The split of a dataset by time.

    Training rows are before `holdout_start`; the holdout ends at `end`. All labels are known at
    `as_of`.
    """

    start: AwareDatetime
    holdout_start: AwareDatetime
    end: AwareDatetime
    train_rows: int
    holdout_rows: int


class ModelRef(StageOutput):
    """A trained challenger: an MLflow run with its logged model and its bundle's digests.

    `fitted_days` are the newest days before the holdout that it was fitted on, such as ``12d``, or
    ``all``. `span_losses` has the tuning loss of each span that was tried.
    """

    model: str
    mlflow_run_id: str
    mlflow_experiment_id: str | None = None
    model_uri: str
    bundle_uri: str
    model_sha256: str
    bundle_digest: str
    idempotency_key: str
    split: Split
    best_iteration: int
    parameters: dict[str, JsonValue]
    fitted_days: str = "all"
    span_losses: dict[str, float] = Field(default_factory=dict)


class GateOutcome(StageOutput):
    """One gate's result: the measured value, the threshold, the outcome and its reason.

    ``waived``: the spec waives the gate; it is measured and does not count. ``excused``: the
    challenger is proved better than the champion, which misses the gate equally or worse.
    """

    gate: str
    outcome: GateState
    value: float | None
    threshold: float | None
    interval: tuple[float, float] | None = None
    n: int
    reason: str


class Verdict(StageOutput):
    """The outcome of all gates of a run, with values, thresholds, intervals and reasons.

    `waivers` has the waived default gates, such as ``champion: the first month is a trial``.
    `champion_failing` has the gates that the champion itself fails, with its figures; it is empty
    when the challenger passes all gates.
    """

    model: str
    run_id: str
    mlflow_run_id: str
    dataset_digest: str
    outcome: Outcome
    releasable: bool
    champion_version: str | None
    metrics: dict[str, dict[str, float]]
    slices: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)
    gates: list[GateOutcome]
    holdout_rows: int
    waivers: list[str] = Field(default_factory=list)
    champion_failing: list[str] = Field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """The reasons of all gates that count and have no pass."""
        return [
            f"{gate.gate}: {gate.outcome}: {gate.reason}"
            for gate in self.gates
            if gate.outcome not in ("pass", "waived")
        ]


class VersionRef(StageOutput):
    """A registered version of a model; one idempotency key always gives the same version."""

    model: str
    version: str
    model_uri: str
    bundle_digest: str
    validation_status: Literal["approved", "rejected"]
    created: bool
