"""What is drawn of one model: quality over time, marks on it, gates, slices, drift, and its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airworthy.model_status.model_summary import ModelSummary

MarkKind = Literal["release", "rollback", "drift", "alert", "rejected"]


@dataclass(frozen=True)
class QualityPoint:
    """A version's quality in a window of live rows with labels, or on its holdout.

    `start` and `end` are ISO 8601 in UTC, `end` exclusive. The interval's ends are None when there
    is none.
    """

    start: str
    end: str
    version: str
    metric: str
    value: float
    lower: float | None
    upper: float | None
    measured_on: Literal["live", "holdout"]


@dataclass(frozen=True)
class Mark:
    """An event that is marked on the line of quality. `entry` is the ledger's sequence number."""

    time: str
    kind: MarkKind
    text: str
    entry: int


@dataclass(frozen=True)
class GateFigure:
    """A gate of the newest verdict, as it is drawn: value and interval against a threshold.

    Attributes:
        gate: The gate's name, such as ``champion`` or ``slices``.
        metric: The metric, or None.
        slice: The slice, such as ``city = Oslo``, or None.
        outcome: The outcome, such as ``passed``, ``failed``, ``inconclusive`` or ``waived``.
        value: The value, or None where the gate has none.
        lower: The lower end of the interval, or None.
        upper: The upper end of the interval, or None.
        threshold: The threshold, or None.
        passes_above: Whether values above the threshold pass; None without a threshold.
        reason: The reason in words.
    """

    gate: str
    metric: str | None
    slice: str | None
    outcome: str
    value: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    passes_above: bool | None
    reason: str


@dataclass(frozen=True)
class DriftFigure:
    """The shift of a feature, the label or the predictions in one window of the monitor.

    `end` is the window's exclusive end, ISO 8601 in UTC. `threshold` is None when the rule has none.
    """

    end: str
    signal: str
    value: float
    threshold: float | None
    drifted: bool


@dataclass(frozen=True)
class LedgerLine:
    """An entry of the ledger in words. `version` is None where it is about none."""

    sequence: int
    time: str
    kind: str
    who: str
    text: str
    version: str | None


@dataclass(frozen=True)
class VersionFigures:
    """A version beside others.

    Attributes:
        version: The version.
        registered_at: Time of its registration, ISO 8601 in UTC.
        status: ``champion``, ``former champion``, ``rejected`` or ``approved``.
        commit: The commit of its code, or None.
        dataset_digest: Digest of the dataset version of its training, or None.
        bundle_digest: Digest of its files.
        as_of: The exclusive end of its training data, or None.
        reason: The reason of its training, or None.
        metrics: Its metrics on its holdout by name.
        mlflow_run_id: The run of its training, or None.
    """

    version: str
    registered_at: str
    status: str
    commit: str | None
    dataset_digest: str | None
    bundle_digest: str
    as_of: str | None
    reason: str | None
    metrics: dict[str, float]
    mlflow_run_id: str | None


@dataclass(frozen=True)
class Service:
    """A span of time in which one version was champion; `until` is None for the present one."""

    version: str
    since: str
    until: str | None
    entry: int


@dataclass(frozen=True)
class ModelHistory:
    """All that is drawn of one model, oldest first. See the classes of the lists' items."""

    summary: ModelSummary
    quality: list[QualityPoint]
    marks: list[Mark]
    verdict_version: str | None
    gates: list[GateFigure]
    drift: list[DriftFigure]
    ledger: list[LedgerLine]
    versions: list[VersionFigures]
    services: list[Service]
