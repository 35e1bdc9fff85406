"""The record of every dataset version: what it is, what was found in it, and what became of it.

``<root>/<model>/datasets``    one row for each dataset version, and one for each event in its life: it was validated,
                               a model was trained on it (the split), that model was judged (the benchmark)
``<root>/<model>/statistics``  the statistics of each partition's content, from which a dataset's are merged

Rows are only ever appended, each once: its key says what it records, so a stage that is tried again changes nothing.
A dataset version is the same whenever its content and its window are, whoever ingests it; its record is the first one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, date
from typing import TYPE_CHECKING, Literal, TypeVar

import polars as pl
from pydantic import AwareDatetime, JsonValue

from airworthy.environment import Environment
from airworthy.handover import DatasetRef, Ref, Window
from airworthy.lake.append_only import KEY, AppendOnlyTable
from airworthy.lake.statistics import ColumnStatistics, Statistics, frame_statistics, merged

if TYPE_CHECKING:
    from airworthy.lake.lake import Lake

_TEXTS = (KEY, "kind", "dataset", "id", "digest", "time", "run_id", "document")
_LISTS = ("partitions", "digests")
_DATASETS = pl.Schema(
    [*((n, pl.String()) for n in _TEXTS), *((n, pl.List(pl.String())) for n in _LISTS)]
)
_STATISTICS = pl.Schema({KEY: pl.String(), "statistics": pl.String()})


class Event(Ref):
    """Something that was recorded about a dataset version by a run; all times are UTC."""

    run_id: str
    dag_id: str | None = None
    requested_by: str = "unknown"
    time: AwareDatetime


class DatasetRecord(Event):
    """A dataset version as it was first ingested.

    Attributes:
        id: Model, window's end and the digest's first twelve digits.
        digest: Over every row, column and type (SHA-256).
        table: The Delta table, and `version`, at which it holds this content.
        source: What the run that ingested it reads from, without secrets.
        preprocessing: Digest of how raw rows became these.
        partition_count: How many days of the window have rows.
        statistics: By column, over all of its rows.
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


class ValidationRecord(Event):
    """The outcome of a validation: `failed` names the checks that did not hold, `warnings` counts the harmless ones."""

    success: bool
    checks: int
    warnings: int
    failed: list[str]
    evidence: str


class TrainingRecord(Event):
    """A model trained on the dataset, and the split: ``[start, tuning_start)`` was learned from, up to
    `holdout_start` stopped the rounds, up to `end` is the holdout; rows with a known label in each, and their shares.
    """

    mlflow_run_id: str
    idempotency_key: str
    bundle_digest: str
    git_commit: str
    reason: str
    parameters: dict[str, JsonValue]
    best_iteration: int
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
    """How a model that was trained on the dataset did: metrics by role (challenger, champion, baseline)."""

    mlflow_run_id: str
    outcome: str
    champion_version: str | None
    holdout_rows: int
    metrics: dict[str, dict[str, float]]


KINDS: dict[str, type[Event]] = {
    "dataset": DatasetRecord, "validation": ValidationRecord, "training": TrainingRecord,
    "benchmark": BenchmarkRecord,
}  # fmt: skip
_Recorded = TypeVar("_Recorded", bound=Event)


def dataset_key(dataset: DatasetRef | DatasetRecord) -> str:
    """Return what two dataset versions share when content and window are the same (SHA-256)."""
    window = (
        moment.astimezone(UTC).isoformat() for moment in (dataset.window.start, dataset.window.end)
    )
    return _key("dataset", dataset.digest, *window)


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Datasets:
    """One model's records; see `open_datasets`."""

    def __init__(self, root: str, model: str) -> None:
        """Name the tables below a lake's root."""
        folder = f"{root.rstrip('/')}/{model}"
        self.model = model
        self._datasets = AppendOnlyTable(f"{folder}/datasets", _DATASETS)
        self._statistics = AppendOnlyTable(f"{folder}/statistics", _STATISTICS)

    def knows(self, dataset: DatasetRef) -> bool:
        """Tell whether this dataset version has its record."""
        return not self._datasets.read([KEY], [dataset_key(dataset)]).is_empty()

    def add(self, dataset: DatasetRef, *events: Event) -> None:
        """Keep a dataset version's record, or what happened to it. The same of the same run is kept once.

        Args:
            dataset: The dataset version that it is about.
            events: Each of one of `KINDS`; of records of a dataset version only the first is kept.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        self._datasets.append(
            pl.DataFrame([_row(dataset, event) for event in events], schema=_DATASETS)
        )

    def events(self, kind: type[_Recorded]) -> list[tuple[str, _Recorded]]:
        """Return what was recorded of one kind, oldest first, each with the key of its dataset version.

        Args:
            kind: One of `KINDS`; `Event` for all of them.
        """
        names = [name for name, of in KINDS.items() if issubclass(of, kind)]
        found = self._datasets.read(["kind", "dataset", "time", "document"]).filter(
            pl.col("kind").is_in(names)
        )
        rows = found.sort("time", "document").select("kind", "dataset", "document").iter_rows()
        events = [(key, KINDS[name].model_validate_json(document)) for name, key, document in rows]
        return [(key, event) for key, event in events if isinstance(event, kind)]

    def partitions(
        self, datasets: Collection[str] | None = None, day: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Return the partitions' digests of dataset versions, by their keys.

        Args:
            datasets: Keys; None: of all.
            day: Only this partition (``2026-01-31``), of those that have it.
        """
        rows = self._datasets.read([KEY, "kind", "partitions", "digests"], datasets).filter(
            kind="dataset"
        )
        if day is not None:
            rows = rows.filter(pl.col("partitions").list.contains(day)).explode(
                "partitions", "digests"
            )
            return {
                key: {day: digest} for key, _, found, digest in rows.iter_rows() if found == day
            }
        return {
            key: dict(zip(days, digests, strict=True)) for key, _, days, digests in rows.iter_rows()
        }

    def statistics(
        self, dataset: DatasetRef, lake: Lake, at_hand: Mapping[str, Statistics]
    ) -> Statistics:
        """Return the statistics of all rows of a dataset version; those of each partition are kept for the next time.

        Args:
            dataset: The dataset version.
            lake: Its lake: partitions that nothing is known of are read, one at a time.
            at_hand: What the caller knows of partitions already, by their contents' digests.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        rows = self._statistics.read([KEY, "statistics"], dataset.partitions.values()).iter_rows()
        known = {digest: _parse_statistics(text) for digest, text in rows}
        days = {
            digest: date.fromisoformat(day)
            for day, digest in dataset.partitions.items()
            if digest not in known
        }
        new = {
            digest: at_hand.get(digest) or frame_statistics(lake.read_partition(dataset, day))
            for digest, day in days.items()
        }
        if new:
            texts = [
                json.dumps({k: v.model_dump(mode="json") for k, v in each.items()})
                for each in new.values()
            ]
            self._statistics.append(pl.DataFrame({KEY: list(new), "statistics": texts}))
        return merged((known | new)[digest] for digest in dataset.partitions.values())


def _row(dataset: DatasetRef, event: Event) -> dict[str, str | list[str]]:
    kind = next(kind for kind, of in KINDS.items() if type(event) is of)
    of, whole = dataset_key(dataset), kind == "dataset"
    days = dict(sorted(dataset.partitions.items())) if whole else {}
    return {
        KEY: of if whole else _key(kind, of, event.model_dump(mode="json", exclude={"time"})),
        "kind": kind,
        "dataset": of,
        "id": dataset.id,
        "digest": dataset.digest,
        "time": event.time.astimezone(UTC).isoformat(),
        "run_id": event.run_id,
        "document": event.model_dump_json(),
        "partitions": list(days),
        "digests": list(days.values()),
    }


def _parse_statistics(text: str) -> Statistics:
    return {
        name: ColumnStatistics.model_validate(column) for name, column in json.loads(text).items()
    }


def open_datasets(environment: Environment, model: str) -> Datasets:
    """Return a model's records in an environment; nothing is made before the first write."""
    return Datasets(environment.lake, model)
