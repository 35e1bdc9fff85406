"""The titles of the graph's nodes, one line each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airworthy.lake.dataset_records import (
    BenchmarkRecord,
    DatasetRecord,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, VerdictReached

if TYPE_CHECKING:
    from airworthy.predictions.find_prediction import LoggedPrediction

_SHOWN_DIGITS = 12
# Keys of a ledger entry that its title shows at its end, or not at all.
_SIDE_KEYS = frozenset({"dag_id", "mlflow_run_id", "alias", "reason", "reasons", "comment"})


def partition_title(day: str, digest: str, record: PartitionRecord | None) -> str:
    """Return day, content and size of a partition.

    Args:
        day: The UTC day, ISO 8601.
        digest: The content's digest.
        record: The content's record in the lake; None when it has none.
    """
    content = f"partition {day}: digest {digest[:_SHOWN_DIGITS]}"
    if record is None:
        return content
    cause = "" if record.cause == "new" else f", {record.cause}"
    return f"{content}, {record.rows:,} rows, {record.quarantined:,} quarantined{cause}"


def dataset_title(record: DatasetRecord) -> str:
    """Return id and size of a dataset version."""
    size = f"{record.rows:,} rows of {record.partition_count:,} partitions"
    return f"dataset {record.id}: {size} {record.window}"


def validation_title(record: ValidationRecord) -> str:
    """Return the result of a validation, with its failed checks."""
    if not record.failed:
        return f"validation: all {record.checks} checks held"
    effect = "stopped the run" if not record.success else "warned only"
    counts = f"{len(record.failed)} of {record.checks} checks failed"
    return f"validation: {counts} and {effect}: {'; '.join(record.failed)}"


def training_title(record: TrainingRecord, benchmark: BenchmarkRecord | None) -> str:
    """Return MLflow run, rows and first three metrics of a training."""
    rows = ", ".join(f"{count:,} {part}" for part, count in record.rows.items())
    metrics = (benchmark.metrics.get("challenger") or {}) if benchmark else {}
    values = "".join(f", {name} {value:.4g}" for name, value in list(metrics.items())[:3])
    return f"MLflow run {record.mlflow_run_id}: rows {rows}{values}"


def verdict_title(verdict: VerdictReached) -> str:
    """Return champion, outcome, reasons and waivers of a verdict."""
    against = f" against champion {verdict.champion}" if verdict.champion else ""
    waived = [f"waived {waiver}" for waiver in verdict.waivers]
    return ": ".join([f"verdict{against}", verdict.outcome, *verdict.reasons, *waived])


def deployment_title(move: AliasMove) -> str:
    """Return new champion, former champion and reason of a deployment."""
    before = f" instead of version {move.from_}" if move.from_ else ""
    return (
        f"deployment: version {move.to} is champion{before}: {move.reason or 'no reason recorded'}"
    )


def decision_title(entry: Entry) -> str:
    """Return an entry of any kind: its plain values, then reasons and comments; no digests."""
    content = entry.content
    shown = {
        name: value
        for name, value in content.items()
        if name not in _SIDE_KEYS and "digest" not in name
    }
    plain = [f"{name} {_short(value)}" for name, value in shown.items() if _is_plain(value)]
    remarks = [content.get("reason"), content.get("comment"), *(content.get("reasons") or [])]
    words = "; ".join(str(each) for each in remarks if each)
    return f"{entry.kind.replace('_', ' ')}: {', '.join(plain)}{': ' + words if words else ''}"


def prediction_title(prediction: LoggedPrediction) -> str:
    """Return value, version and arm of a served prediction."""
    value = _predicted_value(prediction.predicted_class, prediction.prediction)
    version = f"version {prediction.model_version}"
    return f"prediction {prediction.id}: {value} by {version} as {prediction.arm}"


def predictions_title(version: str, arm: str, count: int, first: datetime, last: datetime) -> str:
    """Return the number of a version's predictions in an arm, and their period.

    Args:
        version: The version.
        arm: The arm.
        count: The number of predictions.
        first: The time of the first prediction, UTC.
        last: The time of the last prediction, UTC.
    """
    period = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
    return f"{count:,} predictions by version {version} as {arm}, {period}"


def scored_prediction_title(facts: Mapping[str, Any]) -> str:
    """Return value, version and partition of a batch prediction."""
    value = _predicted_value(facts["predicted_class"], facts["prediction"])
    version = f"version {facts['model_version']}"
    return f"prediction {facts['id']}: {value} by {version} in the batch {facts['partition']}"


def scored_title(version: str, facts: Mapping[str, Any]) -> str:
    """Return size, days and replaced partitions of a version's batch predictions."""
    first, last = facts["first"], facts["last"]
    days = first if first == last else f"{first} to {last}"
    replaced = f", {facts['replaced']:,} of them replaced since" if facts["replaced"] else ""
    size = f"{facts['rows']:,} rows of {facts['partitions']:,} partitions"
    return f"{size} scored by version {version}, {days}{replaced}"


def _predicted_value(predicted_class: Any, prediction: Any) -> Any:
    return predicted_class if predicted_class is not None else prediction


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and value != ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
