"""The records of every dataset version: its content, its statistics and its use.

``<root>/<model>/datasets``    one row per dataset version, and one per event about it: validation,
                               training (the split), the trained model's metrics (the benchmark)
``<root>/<model>/statistics``  the statistics of each partition's content, to merge per dataset

Rows are only appended, each once by its key, so a retried stage changes nothing. Two dataset
versions are the same when content and window are the same; the first record is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, date
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from airworthy.environment import Environment
from airworthy.handover import DatasetRef
from airworthy.lake.append_only import KEY, AppendOnlyTable
from airworthy.lake.dataset_records import KINDS, DatasetRecord, Event
from airworthy.lake.statistics import (
    ColumnStatistics,
    Statistics,
    frame_statistics,
    merge_statistics,
)

if TYPE_CHECKING:
    from airworthy.lake.lake import Lake

_TEXTS = (KEY, "kind", "dataset", "id", "digest", "time", "run_id", "document")
_LISTS = ("partitions", "digests")
_DATASETS = pl.Schema(
    [*((n, pl.String()) for n in _TEXTS), *((n, pl.List(pl.String())) for n in _LISTS)]
)
_STATISTICS = pl.Schema({KEY: pl.String(), "statistics": pl.String()})

_Recorded = TypeVar("_Recorded", bound=Event)


def dataset_key(dataset: DatasetRef | DatasetRecord) -> str:
    """Return the key of a dataset version: the SHA-256 of content digest and window."""
    window = (
        moment.astimezone(UTC).isoformat() for moment in (dataset.window.start, dataset.window.end)
    )
    return _key("dataset", dataset.digest, *window)


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Datasets:
    """One model's records; see `open_datasets`."""

    def __init__(self, root: str, model: str) -> None:
        """Keep the addresses of the tables below a lake's root."""
        folder = f"{root.rstrip('/')}/{model}"
        self.model = model
        self._datasets = AppendOnlyTable(f"{folder}/datasets", _DATASETS)
        self._statistics = AppendOnlyTable(f"{folder}/statistics", _STATISTICS)

    def has_record(self, dataset: DatasetRef) -> bool:
        """Return True when this dataset version is recorded."""
        return not self._datasets.read([KEY], [dataset_key(dataset)]).is_empty()

    def add(self, dataset: DatasetRef, *events: Event) -> None:
        """Append a dataset version's record, or events about it; each event of a run only once.

        Args:
            dataset: The dataset version.
            events: Events of `KINDS`. Of the `DatasetRecord`s of a dataset version, only the first
                is kept.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        self._datasets.append(
            pl.DataFrame([_row(dataset, event) for event in events], schema=_DATASETS)
        )

    def events(self, kind: type[_Recorded]) -> list[tuple[str, _Recorded]]:
        """Return the events of one kind, oldest first, each with the key of its dataset version.

        Args:
            kind: One of `KINDS`; `Event` for all of them.
        """
        names = [name for name, of in KINDS.items() if issubclass(of, kind)]
        frame = self._datasets.read(["kind", "dataset", "time", "document"]).filter(
            pl.col("kind").is_in(names)
        )
        rows = frame.sort("time", "document").select("kind", "dataset", "document").iter_rows()
        events = [(key, KINDS[name].model_validate_json(document)) for name, key, document in rows]
        return [(key, event) for key, event in events if isinstance(event, kind)]

    def partitions(
        self, datasets: Collection[str] | None = None, day: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Return the partitions' digests of dataset versions, by key of the dataset version.

        Args:
            datasets: Keys; None: all.
            day: Only this partition (``2026-01-31``); dataset versions without it are left out.
        """
        rows = self._datasets.read([KEY, "kind", "partitions", "digests"], datasets).filter(
            kind="dataset"
        )
        if day is not None:
            rows = rows.filter(pl.col("partitions").list.contains(day)).explode(
                "partitions", "digests"
            )
            return {
                key: {day: digest}
                for key, _, partition, digest in rows.iter_rows()
                if partition == day
            }
        return {
            key: dict(zip(days, digests, strict=True)) for key, _, days, digests in rows.iter_rows()
        }

    def statistics(
        self, dataset: DatasetRef, lake: Lake, computed: Mapping[str, Statistics]
    ) -> Statistics:
        """Return the statistics of all rows of a dataset version; store new ones of partitions.

        Args:
            dataset: The dataset version.
            lake: Its lake. Partitions without statistics are read, one at a time.
            computed: Statistics of partitions at hand, by content digest.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        by_digest = self._by_digest(dataset, lake, computed)
        return merge_statistics(by_digest[digest] for digest in dataset.partitions.values())

    def daily_statistics(self, dataset: DatasetRef, lake: Lake) -> dict[str, Statistics]:
        """Return the statistics of each partition (``2026-01-31``); see `statistics`.

        Raises:
            TransientError: when the lake cannot be reached.
        """
        by_digest = self._by_digest(dataset, lake, {})
        return {day: by_digest[digest] for day, digest in dataset.partitions.items()}

    def _by_digest(
        self, dataset: DatasetRef, lake: Lake, computed: Mapping[str, Statistics]
    ) -> dict[str, Statistics]:
        rows = self._statistics.read([KEY, "statistics"], dataset.partitions.values()).iter_rows()
        stored = {digest: _parse_statistics(text) for digest, text in rows}
        days = {
            digest: date.fromisoformat(day)
            for day, digest in dataset.partitions.items()
            if digest not in stored
        }
        new = {
            digest: computed.get(digest) or frame_statistics(lake.read_partition(dataset, day))
            for digest, day in days.items()
        }
        if new:
            texts = [
                json.dumps({k: v.model_dump(mode="json") for k, v in each.items()})
                for each in new.values()
            ]
            self._statistics.append(pl.DataFrame({KEY: list(new), "statistics": texts}))
        return stored | new


def _row(dataset: DatasetRef, event: Event) -> dict[str, str | list[str]]:
    kind = next(kind for kind, of in KINDS.items() if type(event) is of)
    key = dataset_key(dataset)
    is_dataset = kind == "dataset"
    days = dict(sorted(dataset.partitions.items())) if is_dataset else {}
    event_key = _key(kind, key, event.model_dump(mode="json", exclude={"time"}))
    return {
        KEY: key if is_dataset else event_key,
        "kind": kind,
        "dataset": key,
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
    """Return a model's records in an environment; the first write creates the tables."""
    return Datasets(environment.lake, model)
