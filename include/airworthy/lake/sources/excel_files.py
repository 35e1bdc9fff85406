"""Reads the rows of a sheet of an Excel file (.xlsx, .xls, .xlsb) or of an .ods file.

A column of dates, of numbers or of booleans alone keeps its type. Every other one is read as text.
A cell with an error, such as ``#N/A``, has no value.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from airworthy.errors import TerminalError
from airworthy.spec.sources_part import ExcelFormat

if TYPE_CHECKING:
    from fastexcel import ExcelReader

_TYPED = ("float", "int", "boolean", "datetime", "date")
# Excel's day zero: cells with a time and no date.
_NO_DATE = 1900


class Sheet(NamedTuple):
    """A sheet that was read: the names in its header, and its rows."""

    names: list[str]
    rows: pl.LazyFrame


def read_sheet(path: Path, form: ExcelFormat) -> Sheet:
    """Return a sheet's rows; rows without any value are left out.

    Args:
        path: The file.
        form: The sheet, and the lines before its header.

    Raises:
        TerminalError: when it is no Excel file, or has no such sheet or no header.
    """
    return _load(open_workbook(path), path, form)


def open_workbook(path: Path) -> ExcelReader:
    """Open an Excel file.

    Raises:
        TerminalError: when it is none.
    """
    import fastexcel

    with path.open("rb"):
        pass
    try:
        return fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise TerminalError(
            f"{path.name} cannot be read as excel",
            received=str(error).splitlines()[0],
            allowed="a whole .xlsx, .xls, .xlsb or .ods file without a password",
            next_step="check the file, then ingest.source.format",
        ) from error


def _load(reader: ExcelReader, path: Path, form: ExcelFormat) -> Sheet:
    if form.sheet is not None and form.sheet not in reader.sheet_names:
        raise TerminalError(
            f"{path.name} has no sheet {form.sheet!r}",
            received=form.sheet,
            allowed=", ".join(reader.sheet_names),
            next_step="correct ingest.source.excel.sheet",
        )
    sheet: str | int = form.sheet or 0
    names = _names(reader, sheet, path, form)
    guessed = reader.load_sheet(sheet, header_row=form.skip_lines, schema_sample_rows=None)
    types: dict[str | int, Any] = {
        column.name: column.dtype if column.dtype in _TYPED else "string"
        for column in guessed.selected_columns
    }
    frame = reader.load_sheet(sheet, header_row=form.skip_lines, dtypes=types).to_polars()
    texts: list[Any] = [name for name, kind in types.items() if kind == "string"]
    exact = reader.load_sheet(
        sheet, header_row=form.skip_lines, dtypes=dict.fromkeys(texts, "float")
    ).to_polars()
    frame = frame.with_columns(
        *(_exact(frame[name], exact[name]) for name in texts),
        *(_time_of_day(frame[str(name)]) for name, kind in types.items() if kind == "datetime"),
    )
    return Sheet(names, frame.filter(~pl.all_horizontal(pl.all().is_null())).lazy())


def _names(reader: ExcelReader, sheet: str | int, path: Path, form: ExcelFormat) -> list[str]:
    """Return the names in a sheet's header, some of them twice perhaps."""
    import fastexcel

    try:
        # None: from the first row with a cell, which is the header, too.
        header = reader.load_sheet(
            sheet, header_row=None, skip_rows=form.skip_lines or None, n_rows=1, dtypes="string"
        ).to_polars()
    except fastexcel.InvalidParametersError:  # more lines to skip than there are
        header = pl.DataFrame()
    if header.is_empty():
        raise TerminalError(
            f"{path.name} is empty",
            received=f"no row after {form.skip_lines} on sheet "
            f"{form.sheet or reader.sheet_names[0]}",
            allowed="a header with the names of the columns",
            next_step="correct ingest.source.excel, or bring the file again",
        )
    return [str(name) if name is not None else "" for name in header.row(0)]


def _exact(texts: pl.Series, numbers: pl.Series) -> pl.Series:
    """Return texts, with all digits of the numbers among them, which are rounded in `texts`."""
    if numbers.dtype != pl.Float64:
        return texts
    rounded = texts.cast(pl.Float64, strict=False)
    differs = (rounded.is_not_null() & numbers.is_not_null() & (rounded != numbers)).fill_null(
        value=False
    )
    return numbers.cast(pl.String).zip_with(differs, texts).alias(texts.name)


def _time_of_day(times: pl.Series) -> pl.Series:
    """Return a column of times of day as texts: Excel gives them the day zero of its calendar."""
    last = times.dt.year().max()
    return times if not isinstance(last, int) or last >= _NO_DATE else times.dt.strftime("%H:%M:%S")
