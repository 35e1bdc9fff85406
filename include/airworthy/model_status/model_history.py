"""Shapes of the drawings of one model: quality over time, marks on it, gates, slices, drift, and its ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import JsonValue

from airworthy.model_status.model_summary import ModelSummary

DRIFT_WINDOWS = 30
"""Windows whose shifts are told column by column."""
MarkKind = Literal["release", "rollback", "retired", "stopped", "rejected", "drift", "alert"]


@dataclass(frozen=True)
class QualityPoint:
    """A version's quality in a window of live rows with labels, or on its holdout.

    Times are the data's, ISO 8601 in UTC. `start` is None where it was not recorded; `end` is
    exclusive. `entry` is the sequence number of the decision or the verdict behind it. A version has
    a point for each holdout on which it was the challenger or the champion.
    """

    start: str | None
    end: str
    version: str
    metric: str
    value: float
    entry: int
    measured_on: Literal["live", "holdout"]


@dataclass(frozen=True)
class Mark:
    """An event that is marked on the line of quality.

    Attributes:
        time: The entry's time, ISO 8601 in UTC.
        data_time: Its place on the line of quality, which is in the data's time: the end of the
            monitor's window or of the training's data, else the latest of these before it. None:
            there is none before it.
        kind: The kind of event. ``stopped``: a rollout was ended by the guard or a person;
            ``rejected``: a version was rejected by its gates, by a person, or not approved in time.
        text: The entry in words.
        entry: The ledger's sequence number.
    """

    time: str
    data_time: str | None
    kind: MarkKind
    text: str
    entry: int


@dataclass(frozen=True)
class GateFigure:
    """A gate of the newest verdict, as it is drawn: value and interval against a threshold.

    Attributes:
        gate: The gate's name, such as ``rmse against champion`` or ``rmse in every city``.
        metric: The metric, or None: a gate on behaviour has none.
        slice: The column whose slices it tests, such as ``city``, or None.
        against: ``champion`` or ``baseline``: value, interval and threshold are shares of that
            model's metric: a loss against the champion, a gain against the baseline. None: they are
            values of the metric, or of a rule of behaviour the share of rows that break it.
        outcome: ``pass``, ``fail``, ``inconclusive``, ``waived`` or ``excused``.
        value: The value, or None where the gate has none. Of slices, the worst.
        lower: The lower end of the interval, or None.
        upper: The upper end of the interval, or None.
        threshold: The threshold, or None.
        passes_above: Whether values above the threshold pass; None: it is not recorded.
        reason: The reason in words.
    """

    gate: str
    metric: str | None
    slice: str | None
    against: str | None
    outcome: str
    value: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    passes_above: bool | None
    reason: str


@dataclass(frozen=True)
class SliceFigure:
    """A slice of the newest verdict's holdout: its rows, and the challenger's metric on them."""

    column: str
    slice: str
    rows: int
    metric: str
    value: float


@dataclass(frozen=True)
class DriftFigure:
    """The shift of one column in one window of the monitor: its largest one, against its threshold.

    Attributes:
        end: The window's exclusive end, ISO 8601 in UTC.
        signal: ``skew``: against the champion's training data; ``drift``: against recent rows.
        column: The input column.
        aspect: ``distance``, ``spread``, ``new`` or ``missing``.
        value: The size of the shift. Drift is from `threshold` on; divide by it to compare columns.
        threshold: The least size that counts.
        importance: The column's share of the champion's gain, from 0 to 1.
        drifted: Whether it counted as drift.
    """

    end: str
    signal: str
    column: str
    aspect: str
    value: float
    threshold: float
    importance: float
    drifted: bool


@dataclass(frozen=True)
class WindowFigure:
    """One decision of the monitor. `signals` has ``fired``, ``quiet`` or ``inconclusive`` by name."""

    start: str
    end: str
    champion: str | None
    outcome: str
    told: str
    signals: dict[str, str]
    entry: int


@dataclass(frozen=True)
class LedgerLine:
    """An entry of the ledger in words. `version` is None where it is about none.

    `proved_by` is the proof of the name in `who`, or None.
    """

    sequence: int
    time: str
    kind: str
    who: str
    proved_by: str | None
    text: str
    version: str | None
    run_id: str


@dataclass(frozen=True)
class VersionFigures:
    """A version beside others.

    Attributes:
        version: The version.
        registered_at: Time of its registration, ISO 8601 in UTC.
        entry: The sequence number of its registration. A number that MLflow gave again has two.
        status: ``champion``, ``former champion``, ``rejected`` (by its gates, or in its release) or
            ``approved``.
        commit: The commit of its code, or None.
        dataset_digest: Digest of the dataset version of its training, or None.
        bundle_digest: Digest of its files, or None.
        as_of: The exclusive end of its training data, or None.
        reason: The reason of its training, or None.
        parameters: Its hyperparameters.
        rows: Labelled rows of its ``learning``, ``tuning`` and ``holdout``; empty: not recorded.
        metrics: Its metrics on its holdout by name; empty: not recorded.
        mlflow_run_id: The run of its training, or None.
    """

    version: str
    registered_at: str
    entry: int
    status: str
    commit: str | None
    dataset_digest: str | None
    bundle_digest: str | None
    as_of: str | None
    reason: str | None
    parameters: dict[str, JsonValue]
    rows: dict[str, int]
    metrics: dict[str, float]
    mlflow_run_id: str | None


@dataclass(frozen=True)
class Service:
    """A span of time in which one version was champion: ``[since, until)``, ISO 8601 in UTC.

    `until` is None for the present one. `entry` is the sequence number of the move. Times are by the
    order of the entries: no clock goes back.
    """

    version: str
    since: str
    until: str | None
    entry: int


@dataclass(frozen=True)
class ModelHistory:
    """All that is drawn of one model, oldest first.

    Attributes:
        summary: Its line in the list.
        metric: The metric of `quality`: that of the summary's promise.
        quality: Live windows and holdouts.
        marks: Events to be marked on `quality`.
        verdict_version: The version that the newest verdict is about; None: it was not registered,
            or there is no verdict.
        verdict_outcome: ``pass``, ``fail`` or ``inconclusive``; None: there is no verdict.
        verdict_entry: The verdict's sequence number, or None.
        verdict_metrics: Role (``challenger``, ``champion``, ``baseline``) -> metric -> value.
        gates: The gates of this verdict; empty when its evidence is gone.
        slices: The slices of its holdout.
        drift: The columns' shifts in the last `DRIFT_WINDOWS` windows of the present champion.
        windows: The monitor's decisions.
        ledger: All entries.
        versions: The registered versions.
        services: The champions.
    """

    summary: ModelSummary
    metric: str | None
    quality: list[QualityPoint]
    marks: list[Mark]
    verdict_version: str | None
    verdict_outcome: str | None
    verdict_entry: int | None
    verdict_metrics: dict[str, dict[str, float]]
    gates: list[GateFigure]
    slices: list[SliceFigure]
    drift: list[DriftFigure]
    windows: list[WindowFigure]
    ledger: list[LedgerLine]
    versions: list[VersionFigures]
    services: list[Service]

    def as_json(self) -> dict[str, Any]:
        """Return the history as JSON values."""
        return asdict(self) | {"summary": self.summary.as_json()}
