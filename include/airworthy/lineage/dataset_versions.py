"""The records of a model's dataset versions, as JSON and as text.

As JSON (``airworthy dataset MODEL ID --json``), an object with every field of `DatasetRecord`
(source, window, rows, preprocessing digest, statistics by column, ...), and

``partitions``   day -> digest of its content; only for a single dataset version
``validations``  every `ValidationRecord`
``models``       every model trained on it: the `TrainingRecord` (boundaries of the split, rows of
                 each part), the ``ratio`` of its parts, its registered ``version`` or null, and its
                 ``benchmarks``: every `BenchmarkRecord` (metrics of challenger, champion and
                 baseline, and the outcome)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from airworthy.environment import Environment
from airworthy.handover import IngestCounts
from airworthy.lake.dataset_records import (
    BenchmarkRecord,
    DatasetRecord,
    TrainingRecord,
    ValidationRecord,
)
from airworthy.lake.datasets import open_datasets
from airworthy.ledger import Entry
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.lineage.model_records import ModelRecords
from airworthy.lineage.node_ids import dataset_id
from airworthy.lineage.read_records import read_model_records
from airworthy.lineage.resolve import find_datasets
from airworthy.shown_text import one_line


def describe_datasets(
    environment: Environment, model: str, reference: str | None = None
) -> list[dict[str, Any]]:
    """Return the dataset versions of a model as JSON values, oldest first.

    See the module's docstring for their fields.

    Args:
        environment: The environment of lake and ledger.
        model: The model's name.
        reference: An id, with or without the model's name, or the start of a digest. None: all
            dataset versions, without partitions.

    Raises:
        TerminalError: when several digests begin with the reference, or the ledger was changed.
        TransientError: when the lake cannot be reached.
    """
    records = read_model_records(environment, model)
    nodes = None
    if reference is not None:
        nodes = find_datasets(records, reference.removeprefix(f"{model}/"))
    datasets = [
        (key, record)
        for key, record in records.of_kind(DatasetRecord)
        if nodes is None or dataset_id(key) in nodes
    ]
    partitions: dict[str, dict[str, str]] = {}
    if nodes is not None:
        keys = [key for key, _ in datasets]
        partitions = open_datasets(environment, model).partitions(keys)
    return [
        {
            **record.model_dump(mode="json"),
            **({"partitions": partitions[key]} if key in partitions else {}),
            "validations": [
                validation.model_dump(mode="json")
                for other, validation in records.of_kind(ValidationRecord)
                if other == key
            ],
            "models": [
                _model(training, records)
                for other, training in records.of_kind(TrainingRecord)
                if other == key
            ],
        }
        for key, record in datasets
    ]


def _model(training: TrainingRecord, records: ModelRecords) -> dict[str, Any]:
    run = training.mlflow_run_id
    benchmarks = [
        benchmark
        for _, benchmark in records.of_kind(BenchmarkRecord)
        if benchmark.mlflow_run_id == run
    ]
    return {
        **training.model_dump(mode="json"),
        "ratio": training.ratio,
        "version": _version(records.entries, run),
        "benchmarks": [benchmark.model_dump(mode="json") for benchmark in benchmarks],
    }


def _version(entries: list[Entry], run: str) -> str | None:
    registered = [
        entry.event for entry in of_kind(entries, Registration) if entry.event.mlflow_run_id == run
    ]
    return registered[-1].version if registered else None


def dataset_table(datasets: list[dict[str, Any]]) -> list[str]:
    """Return a table with one line for each dataset version; see `describe_datasets`."""
    rows = [
        [
            dataset["id"],
            _day(dataset["window"]["start"]),
            _day(dataset["window"]["end"]),
            f"{dataset['rows']:,}",
            str(dataset["partition_count"]),
            _second(dataset["time"]),
            ", ".join(str(model["version"] or "-") for model in dataset["models"]) or "-",
        ]
        for dataset in datasets
    ]
    return _table(["dataset", "from", "until", "rows", "days", "recorded", "versions"], rows)


def dataset_report(dataset: dict[str, Any]) -> list[str]:
    """Return the whole record of one dataset version as lines; see `describe_datasets`."""
    lines = [f"dataset {dataset['id']}"]
    lines += [
        f"  {name + ':':<15}{one_line(value)}" for name, value in _properties(dataset).items()
    ]
    if dataset.get("counts"):
        counts = IngestCounts.model_validate(dataset["counts"])
        lines += ["", "rows of the source", *(f"  {one_line(line)}" for line in counts.lines)]
    statistics = _statistics(dataset["statistics"])
    lines += ["", "statistics", *(f"  {line}" for line in statistics)]
    lines += ["", "validations", *(_validation(each) for each in dataset["validations"])]
    lines += ["", "models trained on it"]
    return lines + [line for model in dataset["models"] for line in _model_lines(model)]


def _properties(dataset: dict[str, Any]) -> dict[str, str]:
    window, days = dataset["window"], list(dataset["partitions"])
    origin = f"{dataset['requested_by']}, run {dataset['run_id']} ({dataset['reason']})"
    return {
        "digest": dataset["digest"],
        "window": f"[{_day(window['start'])}, {_day(window['end'])})",
        "table": f"{dataset['table']}, version {dataset['version']}",
        "source": dataset["source"],
        **({"refreshed": dataset["refresh"]} if dataset.get("refresh") else {}),
        "created": f"{_second(dataset['time'])} by {origin}",
        "git commit": dataset["git_commit"],
        "preprocessing": dataset["preprocessing"],
        "partitions": f"{len(days)}, {days[0]} to {days[-1]}",
        "rows": f"{dataset['rows']:,}, {dataset['quarantined']:,} quarantined",
    }


def _statistics(columns: dict[str, dict[str, Any]]) -> list[str]:
    shown = ("count", "nulls", "mean", "std", "min", "max")
    rows = [
        [
            name,
            column["type"],
            *(_value(column[each], column["type"]) for each in shown),
            _distinct(column),
        ]
        for name, column in columns.items()
    ]
    return _table(["column", "type", *shown, "distinct"], rows)


def _distinct(column: dict[str, Any]) -> str:
    if column["distinct"] is None:
        return "-"
    return f"{'' if column['exact'] else 'at least '}{column['distinct']:,}"


def _validation(validation: dict[str, Any]) -> str:
    outcome = "the run went on" if validation["success"] else "the run was stopped"
    failed = "".join(f"\n    {one_line(check)}" for check in validation["failed"])
    passed = validation["checks"] - len(validation["failed"])
    counts = f"{passed} of {validation['checks']} checks held"
    run = f"{_second(validation['time'])} run {validation['run_id']}"
    return f"  {one_line(run)}: {counts}, {outcome}{failed}"


def _model_lines(model: dict[str, Any]) -> list[str]:
    version = f"version {model['version']}" if model["version"] else "not registered"
    run = f"MLflow run {model['mlflow_run_id']}, run {model['run_id']} ({model['reason']})"
    lines = [one_line(f"  {version}: {run}"), f"    split:      {'; '.join(_split_parts(model))}"]
    for benchmark in model["benchmarks"]:
        for role, metrics in benchmark["metrics"].items():
            values = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            lines.append(f"    {role + ':':<12}{values}")
        rows = f"{benchmark['holdout_rows']:,} holdout rows"
        lines.append(f"    verdict:    {benchmark['outcome']} on {rows}")
    return lines


def _split_parts(model: dict[str, Any]) -> list[str]:
    cuts = [_day(model[name]) for name in ("start", "tuning_start", "holdout_start", "end")]
    return [
        f"{part} {model['rows'][part]:,} rows ({model['ratio'][part]:.0%}) [{start}, {end})"
        for part, (start, end) in zip(
            ("learning", "tuning", "holdout"), pairwise(cuts), strict=True
        )
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = (
        one_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        for row in [head, *rows]
    )
    return [line.rstrip() for line in lines]


def _value(value: Any, kind: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return _second(value) if kind.startswith("Datetime") and isinstance(value, str) else str(value)


def _day(time: str) -> str:
    return time[:10]


def _second(time: str) -> str:
    return f"{time[:19].replace('T', ' ')}Z"
