"""The record of a version, and the difference between two, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airworthy.registry.version_source import BEHAVIOUR_FILE, DIFF_FILE, SPEC_FILE
from airworthy.shown_text import one_line, visible
from airworthy.versions.column_shifts import ColumnShift
from airworthy.versions.version_diff import DataDiff, VersionDiff
from airworthy.versions.version_record import Code, VersionRecord

NOTHING_KEPT = "an earlier release registered it: its files and its tree are not kept"
_MANY_DAYS = 10


def record_lines(record: VersionRecord) -> list[str]:
    """Return the record of a version as lines."""
    by = f"{record.requested_by}, run {record.run_id} ({record.reason})"
    answers = (
        f"{each['decision']} by {each['who']} at {each['at']}: {each['comment']}"
        for each in record.approvals
    )
    properties = [
        ("status", record.status),
        ("traffic", record.traffic),
        ("registered", f"{record.created:%Y-%m-%d %H:%M:%SZ} by {by}"),
        ("environment", record.environment),
        *([("promoted from", record.promoted_from)] if record.promoted_from else []),
        ("MLflow run", record.mlflow_run_id),
        ("files", f"digest {record.bundle_digest}"),
        ("verdict", record.verdict),
        *(("", reason) for reason in record.reasons),
        *(("approval", answer) for answer in answers),
    ]
    return [
        f"{record.model} version {record.version}",
        *_properties(properties),
        *_section("code", _code(record)),
        *_section("data", _data(record)),
        *_section("parameters", _properties(record.parameters.items())),
        *_section("metrics", _metric_table(record)),
    ]


def _code(record: VersionRecord) -> list[str]:
    code = record.code
    lines = [("commit", code.commit), ("tree", _tree(code)), ("lock", code.lock_digest)]
    if not code.kept:
        return _properties([*lines, ("kept", NOTHING_KEPT)])
    options = {"--spec": SPEC_FILE, "--behaviour": BEHAVIOUR_FILE, "--diff": DIFF_FILE}
    shown = [option for option, name in options.items() if name in code.kept]
    command = f"airworthy show {record.model}/{record.version} {' | '.join([*shown, '--features'])}"
    return _properties([*lines, ("kept", ", ".join(code.kept)), ("print them", command)])


def _tree(code: Code) -> str:
    if code.dirty is None:
        return "unknown: nothing says whether all files were committed"
    return f"dirty: {', '.join(code.dirty_files)}" if code.dirty else "clean"


def _data(record: VersionRecord) -> list[str]:
    lines = [("dataset", record.dataset_id), ("digest", record.dataset_digest)]
    dataset = record.dataset
    if dataset is not None:
        rows = f"{dataset.rows:,}, {dataset.quarantined:,} quarantined"
        lines += [
            ("window", f"{dataset.window}, {dataset.partition_count} days with rows"),
            ("rows", rows),
        ]
    return _properties(lines)


def _metric_table(record: VersionRecord) -> list[str]:
    roles = list(record.metrics)
    rows = [
        [name, *(_number(record.metrics[role].get(name)) for role in roles)]
        for name in record.metrics["challenger"]
    ]
    return _table([["metric", *roles], *rows])


def diff_lines(diff: VersionDiff) -> list[str]:
    """Return the difference between two versions as lines."""
    before, after = diff.before, diff.after
    parameters = [
        [name, f"{old or '-'} -> {new or '-'}"] for name, (old, new) in diff.parameters.items()
    ]
    return [
        f"{before.model}: version {before.version} -> version {after.version}",
        *_section("data", _data_lines(before, after, diff.data)),
        *_section("parameters", _table(parameters) or ["  no difference"]),
        *_section(
            "metrics of the challenger, each on its own holdout", _metric_lines(diff.metrics)
        ),
        *_section("code", _code_lines(diff)),
    ]


def _data_lines(before: VersionRecord, after: VersionRecord, data: DataDiff | None) -> list[str]:
    if data is None or before.dataset is None or after.dataset is None:
        return [
            *_properties([("dataset", f"{before.dataset_id} -> {after.dataset_id}")]),
            "  the lake has no record of one of them: their rows are not compared",
        ]
    old, new = before.dataset, after.dataset
    if before.dataset_key == after.dataset_key:
        return ["  no difference", *_properties([("dataset", new.id)])]
    rows = f"{old.rows:,} -> {new.rows:,} ({new.rows - old.rows:+,})"
    restated = [
        f"{each.day}: {_count(each.before)} -> {_count(each.after)} rows ({each.cause})"
        for each in data.restated
    ]
    days = f"{old.partition_count} -> {new.partition_count}"
    return _properties(
        [
            ("dataset", f"{old.id} -> {new.id}"),
            ("window", f"{old.window} -> {new.window}"),
            ("rows", rows),
            ("days", days),
            ("new", _days(data.new_days)),
            ("left out", _days(data.left_out_days)),
            *_listed("restated", restated),
            *_listed("shifted", [_shift(shift) for shift in data.shifts]),
        ]
    )


def _listed(name: str, values: list[str]) -> list[tuple[str, str]]:
    first, *others = values or ["none"]
    return [(name, first), *(("", other) for other in others)]


def _shift(shift: ColumnShift) -> str:
    size = "" if shift.size is None else f" ({shift.size:.2g})"
    return f"{shift.column}: {shift.aspect} {_number(shift.before)} -> {_number(shift.after)}{size}"


def _metric_lines(metrics: Mapping[str, tuple[float | None, float | None]]) -> list[str]:
    rows = [
        [
            name,
            f"{_number(old)} -> {_number(new)}",
            "" if old is None or new is None else f"({new - old:+.4g})",
        ]
        for name, (old, new) in metrics.items()
    ]
    return _table(rows)


def _code_lines(diff: VersionDiff) -> list[str]:
    old, new = diff.before.code, diff.after.code
    lines = _properties(
        [
            ("commit", f"{old.commit} -> {new.commit}"),
            ("tree", f"{_tree(old)} -> {_tree(new)}"),
            ("lock", _pair(old.lock_digest, new.lock_digest)),
        ]
    )
    if not diff.compared:
        missing = [each.version for each in (diff.before, diff.after) if not each.code.kept]
        return [*lines, f"  version {' and '.join(missing)}: {NOTHING_KEPT}"]
    if not diff.files:
        return [*lines, "  no difference in the model's files"]
    return [
        *lines,
        *(line for each in diff.files.values() for line in ("", *visible(each).split("\n"))),
    ]


def _pair(old: str, new: str) -> str:
    return "no difference" if old == new else f"{old} -> {new}"


def _days(days: list[str]) -> str:
    if len(days) > _MANY_DAYS:
        return f"{len(days)}, {days[0]} to {days[-1]}"
    return ", ".join(days) or "none"


def _count(rows: int | None) -> str:
    return "?" if rows is None else f"{rows:,}"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *lines]


def _properties(properties: Iterable[tuple[str, str]]) -> list[str]:
    return _table([[f"{name}:" if name else "", value] for name, value in properties])


def _table(rows: list[list[str]]) -> list[str]:
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [f"  {line}".rstrip() for line in lines]
