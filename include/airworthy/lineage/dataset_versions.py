"""All that is recorded of a model's dataset versions, as JSON and as text.

As JSON (``airworthy dataset MODEL ID --json``), an object with every field of `DatasetRecord` (source, window, rows,
preprocessing digest, statistics by column, ...), and

``partitions``   day -> its content's digest; when one dataset version is asked for
``validations``  every `ValidationRecord`
``models``       every model trained on it: the `TrainingRecord` (boundaries of the split, rows in each part), the
                 ``ratio`` of its parts, its registered ``version`` or null, and its ``benchmarks``: every
                 `BenchmarkRecord` (metrics of challenger, champion and baseline, and the outcome)
"""

from __future__ import annotations

from typing import Any

from airworthy.environment import Environment
from airworthy.lake.datasets import (
    BenchmarkRecord,
    DatasetRecord,
    TrainingRecord,
    ValidationRecord,
    open_datasets,
)
from airworthy.ledger import Entry
from airworthy.ledger.events import Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.lineage.build import Facts, dataset_id
from airworthy.lineage.read_records import read_facts
from airworthy.lineage.resolve import dataset_versions


def describe(
    environment: Environment, model: str, reference: str | None = None
) -> list[dict[str, Any]]:
    """Return the dataset versions of a model as JSON values, oldest first; see the module's docstring.

    Args:
        environment: Where the lake is.
        model: The model's name.
        reference: An id, with or without the model's name, or the start of a digest; None: all, without partitions.

    Raises:
        TerminalError: when several digests begin like this, or the ledger was changed.
        TransientError: when the lake cannot be reached.
    """
    facts = read_facts(environment, model)
    asked = (
        None if reference is None else dataset_versions(facts, reference.removeprefix(f"{model}/"))
    )
    records = [
        (key, record)
        for key, record in facts.of(DatasetRecord)
        if asked is None or dataset_id(key) in asked
    ]
    keys = [key for key, _ in records]
    held = open_datasets(environment, model).partitions(keys) if asked is not None else {}
    return [
        {
            **record.model_dump(mode="json"),
            **({"partitions": held[key]} if key in held else {}),
            "validations": [
                each.model_dump(mode="json") for of, each in facts.of(ValidationRecord) if of == key
            ],
            "models": [_model(each, facts) for of, each in facts.of(TrainingRecord) if of == key],
        }
        for key, record in records
    ]


def _model(training: TrainingRecord, facts: Facts) -> dict[str, Any]:
    run = training.mlflow_run_id
    benchmarks = [each for _, each in facts.of(BenchmarkRecord) if each.mlflow_run_id == run]
    return {
        **training.model_dump(mode="json"),
        "ratio": training.ratio,
        "version": _version(facts.entries, run),
        "benchmarks": [each.model_dump(mode="json") for each in benchmarks],
    }


def _version(entries: list[Entry], run: str) -> str | None:
    registered = [
        entry.event for entry in of_kind(entries, Registration) if entry.event.mlflow_run_id == run
    ]
    return registered[-1].version if registered else None


def listing(found: list[dict[str, Any]]) -> list[str]:
    """Return one line for each dataset version."""
    rows = [
        [
            each["id"],
            _day(each["window"]["start"]),
            _day(each["window"]["end"]),
            f"{each['rows']:,}",
            str(each["partition_count"]),
            _second(each["time"]),
            ", ".join(str(model["version"] or "-") for model in each["models"]) or "-",
        ]
        for each in found
    ]
    return _table(["dataset", "from", "until", "rows", "days", "recorded", "versions"], rows)


def report(found: dict[str, Any]) -> list[str]:
    """Return all that is recorded of one dataset version, as lines."""
    window, days = found["window"], list(found["partitions"])
    facts = {
        "digest": found["digest"],
        "window": f"[{_day(window['start'])}, {_day(window['end'])})",
        "table": f"{found['table']}, version {found['version']}",
        "source": found["source"],
        "created": f"{_second(found['time'])} by {found['requested_by']}, run {found['run_id']} ({found['reason']})",
        "git commit": found["git_commit"],
        "preprocessing": found["preprocessing"],
        "partitions": f"{len(days)}, {days[0]} to {days[-1]}",
        "rows": f"{found['rows']:,}, {found['quarantined']:,} quarantined",
    }
    lines = [
        f"dataset {found['id']}",
        *(f"  {name + ':':<15}{value}" for name, value in facts.items()),
    ]
    lines += ["", "statistics", *_indented(_statistics(found["statistics"]))]
    lines += ["", "validations", *(_validation(each) for each in found["validations"])]
    return [
        *lines,
        "",
        "models trained on it",
        *(line for each in found["models"] for line in _model_lines(each)),
    ]


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


def _validation(found: dict[str, Any]) -> str:
    outcome = "the run went on" if found["success"] else "the run was stopped"
    failed = "".join(f"\n    {each}" for each in found["failed"])
    held = found["checks"] - len(found["failed"])
    counted = f"{held} of {found['checks']} checks held"
    return f"  {_second(found['time'])} run {found['run_id']}: {counted}, {outcome}{failed}"


def _model_lines(found: dict[str, Any]) -> list[str]:
    version = f"version {found['version']}" if found["version"] else "not registered"
    cuts = [_day(found[name]) for name in ("start", "tuning_start", "holdout_start", "end")]
    parts = [
        f"{part} {found['rows'][part]:,} rows ({found['ratio'][part]:.0%}) [{cuts[place]}, {cuts[place + 1]})"
        for place, part in enumerate(("learning", "tuning", "holdout"))
    ]
    lines = [
        f"  {version}: MLflow run {found['mlflow_run_id']}, run {found['run_id']} ({found['reason']})"
    ]
    lines += [f"    split:      {'; '.join(parts)}"]
    for benchmark in found["benchmarks"]:
        for role, metrics in benchmark["metrics"].items():
            lines.append(
                f"    {role + ':':<12}{', '.join(f'{n} {value:.4g}' for n, value in metrics.items())}"
            )
        lines.append(
            f"    verdict:    {benchmark['outcome']} on {benchmark['holdout_rows']:,} holdout rows"
        )
    return lines


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [head, *rows]
    )
    return [line.rstrip() for line in lines]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


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
