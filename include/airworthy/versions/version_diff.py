"""The difference between two versions of a model: code, data, parameters, metrics."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import yaml

from airworthy.environment import Environment
from airworthy.lake import open_lake
from airworthy.lake.datasets import open_datasets
from airworthy.registry.registry import open_registry
from airworthy.registry.version_source import DIFF_FILE, SPEC_FILE, read_source
from airworthy.versions.column_shifts import ColumnShift, column_shifts
from airworthy.versions.version_record import VersionRecord

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class RestatedPartition:
    """A day with other content in the second dataset version.

    `cause` is the lake's: ``restated`` by the source, ``preprocessing`` by the spec, or
    ``unknown``. `before` and `after` are its numbers of rows; None when the lake has no record.
    """

    day: str
    cause: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class DataDiff:
    """The difference between two dataset versions; `shifts` are those of columns."""

    new_days: list[str]
    left_out_days: list[str]
    restated: list[RestatedPartition]
    shifts: list[ColumnShift]


@dataclass(frozen=True)
class VersionDiff:
    """The difference between two versions.

    Attributes:
        before: The first version.
        after: The second version.
        data: The difference of their data; None when the lake lacks the record of one of them.
        parameters: Name -> both values, where they differ; None: it is not set.
        metrics: Name -> both values of the challenger's metrics, each on its own holdout.
        files: Name of a kept file -> its unified diff, where it differs.
        compared: Whether both versions keep their files.
    """

    before: VersionRecord
    after: VersionRecord
    data: DataDiff | None
    parameters: dict[str, tuple[str | None, str | None]]
    metrics: dict[str, tuple[float | None, float | None]]
    files: dict[str, str]
    compared: bool

    def as_json(self) -> dict[str, Any]:
        """Return the difference as JSON values."""
        data = None
        if self.data is not None:
            shifts = [shift.model_dump(mode="json") for shift in self.data.shifts]
            data = {**asdict(self.data), "shifts": shifts}
        return {
            "before": self.before.as_json(),
            "after": self.after.as_json(),
            "data": data,
            "parameters": self.parameters,
            "metrics": self.metrics,
            "files": self.files,
            "compared": self.compared,
        }


def compare_versions(
    environment: Environment, before: VersionRecord, after: VersionRecord
) -> VersionDiff:
    """Return the difference between two versions of one model.

    Args:
        environment: The environment of registry and lake.
        before: The first version.
        after: The second version.

    Raises:
        TransientError: when MLflow or the lake cannot be reached.
    """
    parameters = _pairs(before.parameters, after.parameters)
    return VersionDiff(
        before=before,
        after=after,
        data=_data_diff(environment, before, after),
        parameters={name: pair for name, pair in parameters.items() if pair[0] != pair[1]},
        metrics=_pairs(before.metrics["challenger"], after.metrics["challenger"]),
        files=_file_diffs(environment, before, after),
        compared=bool(before.code.kept and after.code.kept),
    )


def _pairs(
    before: Mapping[str, _Value], after: Mapping[str, _Value]
) -> dict[str, tuple[_Value | None, _Value | None]]:
    return {name: (before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])}


def _data_diff(
    environment: Environment, before: VersionRecord, after: VersionRecord
) -> DataDiff | None:
    if before.dataset is None or after.dataset is None:
        return None
    keys = [str(before.dataset_key), str(after.dataset_key)]
    partitions = open_datasets(environment, before.model).partitions(keys)
    old, new = (partitions.get(key, {}) for key in keys)
    shifts = column_shifts(before.dataset.statistics, after.dataset.statistics)
    keys_of_rows = _key_columns(environment, after)
    changed = [day for day in sorted(old) if day in new and old[day] != new[day]]
    return DataDiff(
        new_days=sorted(new.keys() - old.keys()),
        left_out_days=sorted(old.keys() - new.keys()),
        restated=_restated(environment, before.model, changed, old, new) if changed else [],
        shifts=[shift for shift in shifts if shift.column not in keys_of_rows],
    )


def _key_columns(environment: Environment, record: VersionRecord) -> list[str]:
    """Return the key of the kept spec: numbers that grow every day are no shift."""
    if SPEC_FILE not in record.code.kept:
        return []
    spec = yaml.safe_load("\n".join(_lines(environment, record, SPEC_FILE)))
    return list(spec["ingest"].get("key", []))


def _restated(
    environment: Environment,
    model: str,
    days: list[str],
    old: Mapping[str, str],
    new: Mapping[str, str],
) -> list[RestatedPartition]:
    replaced = open_lake(environment, model).restatements().to_dicts()
    causes = {(row["partition"], row["digest"]): row["cause"] for row in replaced}
    rows = {(row["partition"], row["previous_digest"]): row["previous_rows"] for row in replaced}
    rows |= {(row["partition"], row["digest"]): row["rows"] for row in replaced}
    return [
        RestatedPartition(
            day,
            # The second version may be the older one: then the lake replaced its content.
            causes.get((day, new[day])) or causes.get((day, old[day])) or "unknown",
            rows.get((day, old[day])),
            rows.get((day, new[day])),
        )
        for day in days
    ]


def _file_diffs(
    environment: Environment, before: VersionRecord, after: VersionRecord
) -> dict[str, str]:
    names = [{*record.code.kept} - {DIFF_FILE} for record in (before, after)]
    if not all(names):
        return {}
    diffs: dict[str, str] = {}
    for name in sorted(names[0] | names[1]):
        old, new = (_lines(environment, record, name) for record in (before, after))
        if old != new:
            diffs[name] = "\n".join(
                difflib.unified_diff(
                    old, new, _label(before, name), _label(after, name), lineterm=""
                )
            )
    return diffs


def _label(record: VersionRecord, name: str) -> str:
    return f"{record.model}/{record.version}/{name}"


def _lines(environment: Environment, record: VersionRecord, name: str) -> list[str]:
    if name not in record.code.kept:
        return []
    version = open_registry(environment).version(record.model, record.version)
    return read_source(version, name).decode(errors="replace").splitlines()
