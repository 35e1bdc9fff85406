"""Rows of a file for predictions by hand: read by the spec's rules, in the form of the file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.cells import read_cells, without_blanks
from airworthy.lake.sources.csv_sniffer import sniff_csv
from airworthy.lake.sources.excel_sniffer import sniff_excel
from airworthy.lake.sources.file_formats import FORMATS, format_of_name
from airworthy.lake.sources.scan_file import scan_file
from airworthy.spec import ModelSpec
from airworthy.spec.fields import ColumnType
from airworthy.spec.ingest_part import Ingest
from airworthy.spec.sources_part import FilesSource


@dataclass(frozen=True)
class FileRows:
    """The rows of a file.

    Attributes:
        raw: The rows as the file has them, with the spec's names.
        inputs: The model's inputs in their types, one row for each of `raw`.
        problems: The problem of each row with a cell that cannot be read; null: none.
    """

    raw: pl.DataFrame
    inputs: pl.DataFrame
    problems: pl.Series


def read_file_rows(
    path: Path, spec: ModelSpec, inputs: dict[str, ColumnType], optional: list[str]
) -> FileRows:
    """Read the rows of a file.

    It has the columns of the model's source, or the inputs by their names in the spec. Derived
    columns that it lacks are computed.

    Args:
        path: The file. Its ending tells its format.
        spec: Gives renamed and derived columns, null values, formats of times.
        inputs: The inputs of the version that predicts.
        optional: Inputs that no feature reads. A file may lack them.

    Raises:
        TerminalError: when the file cannot be read, has no rows, or lacks an input.
        TransientError: when the disk is full.
    """
    raw = _raw_rows(path, spec.ingest, inputs)
    lacking = [name for name in inputs if name not in raw.columns]
    missing = [name for name in lacking if name not in optional]
    if missing:
        raise TerminalError(
            f"{path.name} has no column {', '.join(map(repr, missing))}",
            model=spec.model,
            received=", ".join(raw.columns),
            allowed=", ".join(inputs),
            next_step="give the file the columns of the model's source, or its inputs",
        )
    raw = raw.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in lacking)
    # The key identifies rows of the source. Rows to predict need none.
    ingest = spec.ingest.model_copy(update={"key": []})
    cells = read_cells(without_blanks(raw, inputs, ingest), inputs, ingest)
    problems = pl.Series("problem", [None], dtype=pl.String).new_from_index(0, raw.height)
    for text, mask in cells.unreadable.items():
        hit = pl.repeat(text, raw.height, eager=True)
        problems = problems.zip_with(~mask.fill_null(value=False), hit)
    return FileRows(raw.drop(lacking), cells.cast, problems)


def _form_of(path: Path, form: str) -> dict[str, Any]:
    """Return the form that is seen in the file itself."""
    if form == "excel":
        return {"excel": sniff_excel(path).form}
    return {"csv": sniff_csv(path)} if form == "csv" else {}


def _is_raw(present: pl.Schema, name: str, text: str) -> bool:
    """Return whether a column has to be derived: it is not there, or is there as its own raw text."""
    own = name in pl.sql_expr(text).meta.root_names()
    return name not in present or (own and present[name] == pl.String)


def _raw_rows(path: Path, ingest: Ingest, inputs: dict[str, ColumnType]) -> pl.DataFrame:
    source, form = ingest.source, format_of_name(path)
    if not path.is_file() or form is None:
        raise TerminalError(
            "this is no file with rows",
            received=path,
            allowed=f"a file that exists, with an ending of {', '.join(FORMATS)}",
            next_step="correct the path",
        )
    options = _form_of(path, form)
    if isinstance(source, FilesSource):
        same = source.format == form
        kept: dict[str, Any] = {"csv": source.csv, "excel": source.excel} if same else {}
        options = kept | {name: value for name, value in options.items() if value is not None}
        options = {name: value for name, value in options.items() if value is not None}
        options |= {"rename": source.rename, "derive": source.derive}
    declared = FilesSource(type="files", format=form, path="rows", **options)
    with tempfile.TemporaryDirectory() as folder:
        plain = declared.model_copy(update={"derive": {}})
        present = scan_file(path, plain, inputs, Path(folder)).collect_schema()
        derive = {
            name: text for name, text in declared.derive.items() if _is_raw(present, name, text)
        }
        scratch = Path(folder) / "rows"
        scratch.mkdir()
        whole = declared.model_copy(update={"derive": derive})
        rows = scan_file(path, whole, inputs, scratch).collect()
    if rows.is_empty():
        raise TerminalError(
            f"{path.name} has no rows", received="0 rows", allowed="at least one row"
        )
    return rows
