"""One line for each thing in a lineage. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airworthy.lake.datasets import BenchmarkRecord, DatasetRecord, TrainingRecord, ValidationRecord
from airworthy.lake.partition_records import PartitionRecord
from airworthy.ledger import Entry
from airworthy.ledger.events import AliasMove, VerdictReached

if TYPE_CHECKING:
    from airworthy.predictions.find_prediction import FoundPrediction

_SHOWN = 12
_SIDE_KEYS = frozenset({"dag_id", "mlflow_run_id", "alias", "reason", "reasons", "comment"})
"""Keys of a ledger entry that its line shows elsewhere, or not at all."""


def partition_title(day: str, digest: str, record: PartitionRecord | None) -> str:
    """Say which day it is, which content of it, and how much."""
    about = f"partition {day}: digest {digest[:_SHOWN]}"
    if record is None:
        return about
    cause = "" if record.cause == "new" else f", {record.cause}"
    return f"{about}, {record.rows:,} rows, {record.quarantined:,} quarantined{cause}"


def dataset_title(record: DatasetRecord) -> str:
    """Say which dataset version it is and how much."""
    return f"dataset {record.id}: {record.rows:,} rows of {record.partition_count:,} partitions {record.window}"


def validation_title(record: ValidationRecord) -> str:
    """Say whether the checks held, and if not, which."""
    if not record.failed:
        return f"validation: all {record.checks} checks held"
    word = "stopped the run" if not record.success else "warned only"
    return f"validation: {len(record.failed)} of {record.checks} checks failed and {word}: {'; '.join(record.failed)}"


def training_title(record: TrainingRecord, benchmark: BenchmarkRecord | None) -> str:
    """Say which MLflow run it is, what it learned from and how it did."""
    rows = ", ".join(f"{count:,} {part}" for part, count in record.rows.items())
    metrics = (benchmark.metrics.get("challenger") or {}) if benchmark else {}
    measured = "".join(f", {name} {value:.4g}" for name, value in list(metrics.items())[:3])
    return f"MLflow run {record.mlflow_run_id}: rows {rows}{measured}"


def verdict_title(verdict: VerdictReached) -> str:
    """Say the outcome, against whom, and the reasons."""
    against = f" against champion {verdict.champion}" if verdict.champion else ""
    return ": ".join([f"verdict{against}", verdict.outcome, *verdict.reasons])


def deployment_title(move: AliasMove) -> str:
    """Say which version took over from which, and why."""
    before = f" instead of version {move.from_}" if move.from_ else ""
    return (
        f"deployment: version {move.to} is champion{before}: {move.reason or 'no reason recorded'}"
    )


def decision_title(entry: Entry) -> str:
    """Say an entry of any kind: its plain values, then its reasons and comments; digests are left out."""
    content = entry.content
    shown = {
        name: value
        for name, value in content.items()
        if name not in _SIDE_KEYS and "digest" not in name
    }
    plain = [f"{name} {_short(value)}" for name, value in shown.items() if _is_plain(value)]
    said = [content.get("reason"), content.get("comment"), *(content.get("reasons") or [])]
    words = "; ".join(str(each) for each in said if each)
    return f"{entry.kind.replace('_', ' ')}: {', '.join(plain)}{': ' + words if words else ''}"


def prediction_title(prediction: FoundPrediction) -> str:
    """Say what was answered, by which version, as which arm."""
    answer = (
        prediction.predicted_class
        if prediction.predicted_class is not None
        else prediction.prediction
    )
    return f"prediction {prediction.id}: {answer} by version {prediction.model_version} as {prediction.arm}"


def predictions_title(version: str, arm: str, count: int, first: datetime, last: datetime) -> str:
    """Say how many predictions a version made as an arm, and when."""
    return f"{count:,} predictions by version {version} as {arm}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def scored_prediction_title(facts: Mapping[str, Any]) -> str:
    """Say what was predicted, by which version, of which partition."""
    answer = (
        facts["predicted_class"] if facts["predicted_class"] is not None else facts["prediction"]
    )
    return f"prediction {facts['id']}: {answer} by version {facts['model_version']} in the batch {facts['partition']}"


def scored_title(version: str, facts: Mapping[str, Any]) -> str:
    """Say how much a version scored in batches, of which days, and how much of that was replaced since."""
    days = (
        facts["first"]
        if facts["first"] == facts["last"]
        else f"{facts['first']} to {facts['last']}"
    )
    replaced = f", {facts['replaced']:,} of them replaced since" if facts["replaced"] else ""
    return f"{facts['rows']:,} rows of {facts['partitions']:,} partitions scored by version {version}, {days}{replaced}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and value != ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
