"""Scans a file of any format, with its derived, renamed and converted columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.sources.csv_files import form_hint, form_with, scan_csv
from airworthy.lake.sources.excel_files import read_sheet
from airworthy.lake.sources.json_lines import scan_json_lines
from airworthy.lake.sources.open_text import read_errors
from airworthy.spec.fields import ColumnType
from airworthy.spec.sources_part import CsvFormat, ExcelFormat, FilesSource

# 1.234,5 and 1.234.567 have points between thousands. 1.234 could be either, and is no number.
_THOUSANDS = r"^[+-]?\d{1,3}(\.\d{3})+,\d+$|^[+-]?\d{1,3}(\.\d{3}){2,}$"


class _Raw(NamedTuple):
    """A file as it is.

    Attributes:
        rows: Its rows.
        names: The names in its header, some of them twice perhaps.
        nested: Columns with nested values that were read as text, with a line.
    """

    rows: pl.LazyFrame
    names: Sequence[str]
    nested: dict[str, int]


def scan_file(
    path: Path, source: FilesSource, columns: dict[str, ColumnType], scratch: Path
) -> pl.LazyFrame:
    """Return a file's rows with derived and renamed columns.

    Args:
        path: The local file.
        source: The declared source.
        columns: The columns of the lake.
        scratch: A folder for copies, which must stay until the rows are read.

    Raises:
        TerminalError: when the file is not of the declared format, or does not fit the spec.
        TransientError: when the disk is full.
    """
    with read_errors(path, source.format):
        raw = _scan_raw(path, source, scratch)
        present = raw.rows.collect_schema().names()
    _refuse_doubled(path, raw.names, source, columns)
    renamed = {old: new for old, new in source.rename.items() if old in present}
    derived = [_expression(name, text) for name, text in source.derive.items()]
    try:
        rows = raw.rows.with_columns(derived).rename(renamed)
        schema = rows.collect_schema()
    except pl.exceptions.PolarsError as error:
        hint = _form_hint(path, source)
        raise TerminalError(
            f"ingest.source.derive or rename does not fit {path.name}: {error}",
            received=", ".join(present),
            allowed="SQL over the file's own columns",
            next_step=f"write in ingest.source: {hint}" if hint else "correct ingest.source",
        ) from error
    _refuse_other_form(path, source, columns, schema.names())
    _refuse_nested(path, raw.nested, renamed, source, columns)
    if source.csv is not None and source.csv.decimal == ",":
        rows = rows.with_columns(
            decimal_point(name)
            for name, kind in columns.items()
            if kind in ("float", "int") and schema.get(name) == pl.String
        )
    return rows


def _scan_raw(path: Path, source: FilesSource, scratch: Path) -> _Raw:
    if source.format == "csv":
        file = scan_csv(path, source.csv or CsvFormat(), scratch)
        return _Raw(file.rows, file.names, {})
    if source.format == "jsonl":
        lines = scan_json_lines(path, scratch)
        return _Raw(lines.rows, (), lines.nested)
    if source.format == "excel":
        sheet = read_sheet(path, source.excel or ExcelFormat())
        return _Raw(sheet.rows, sheet.names, {})
    return _Raw(pl.scan_parquet(path, glob=False, hive_partitioning=False), (), {})


def _expression(name: str, text: str) -> pl.Expr:
    try:
        return pl.sql_expr(text).alias(name)
    except pl.exceptions.PolarsError as error:
        raise TerminalError(
            f"ingest.source.derive.{name} is not SQL: {error}",
            received=text,
            allowed="a Polars SQL expression",
            next_step="correct ingest.source.derive",
        ) from error


def _refuse_doubled(
    path: Path, names: Sequence[str], source: FilesSource, columns: dict[str, ColumnType]
) -> None:
    """Refuse a used column that the header has twice: nobody knows which one is meant."""
    used = set(columns) - set(source.derive) | set(source.rename)
    for text in source.derive.values():
        used |= set(_expression("", text).meta.root_names())
    doubled = [name for name, count in Counter(names).items() if count > 1 and name in used]
    if doubled:
        raise TerminalError(
            f"{path.name} has the column {', '.join(map(repr, doubled))} more than once",
            received=", ".join(names),
            allowed="each used column once",
            next_step="correct the header of the file",
        )


def _form_hint(path: Path, source: FilesSource) -> str | None:
    return form_hint(path, source.csv or CsvFormat()) if source.format == "csv" else None


def _refuse_other_form(
    path: Path, source: FilesSource, columns: dict[str, ColumnType], present: list[str]
) -> None:
    """Refuse a CSV file that lacks columns, when it is plainly of another form than declared."""
    missing = [name for name in columns if name not in present]
    if source.format != "csv" or not missing:
        return
    none_there = len(missing) == len(columns)
    wanted = missing + [old for old, new in source.rename.items() if new in missing]
    hint = form_with(path, source.csv or CsvFormat(), wanted, none_there)
    if hint is not None:
        raise TerminalError(
            f"{path.name}, line {1 + (source.csv or CsvFormat()).skip_lines}: there is no column "
            f"{', '.join(map(repr, missing))}",
            received=", ".join(present),
            allowed=", ".join(columns),
            next_step=f"write in ingest.source: {hint}",
        )


def _refuse_nested(
    path: Path,
    nested: dict[str, int],
    renamed: dict[str, str],
    source: FilesSource,
    columns: dict[str, ColumnType],
) -> None:
    for name, line in nested.items():
        declared = renamed.get(name, name)
        if declared in columns and declared not in source.derive:
            raise TerminalError(
                f"{path.name}, line {line}: column {name!r} has a list or an object",
                received="a nested value",
                allowed="a number, a text, a boolean or null",
                next_step=f"take {declared} out of ingest.columns, or bring the file with plain "
                "values",
            )


def decimal_point(name: str) -> pl.Expr:
    """Return a column of texts with decimal commas as one with points."""
    text = pl.col(name).str.strip_chars()
    commas = text.str.replace(",", ".", literal=True)
    return (
        pl.when(text.str.contains(_THOUSANDS))
        .then(text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .when(text.str.contains(".", literal=True))
        .then(pl.format("{} (the decimal mark is a comma)", text))
        .otherwise(commas)
        .alias(name)
    )
