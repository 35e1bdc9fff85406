"""Finds the sheet and the header of an Excel file: titles and notes stand before many tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from airworthy.lake.sources.excel_files import open_workbook
from airworthy.spec.sources_part import ExcelFormat

if TYPE_CHECKING:
    from fastexcel import ExcelReader

_LOOKED_AT, _FOLLOWING, _FULL = 100, 20, 0.8
_ENOUGH = 60


class FoundTable(NamedTuple):
    """The place of the rows: its form (None: the usual one), and other sheets with many rows."""

    form: ExcelFormat | None
    others: list[str]


class _Sheet(NamedTuple):
    name: str
    header: int
    rows: int


def sniff_excel(path: Path) -> FoundTable:
    """Find the rows of an Excel file: on its first sheet, if that has enough, else on the largest.

    Raises:
        TerminalError: when it is no Excel file.
    """
    reader = open_workbook(path)
    sheets = [sheet for name in reader.sheet_names if (sheet := _look(reader, name)) is not None]
    if not sheets:
        return FoundTable(None, [])
    chosen = sheets[0] if sheets[0].rows >= _ENOUGH else max(sheets, key=lambda each: each.rows)
    name = None if chosen.name == reader.sheet_names[0] else chosen.name
    form = ExcelFormat(sheet=name, skip_lines=chosen.header)
    others = [each.name for each in sheets if each is not chosen and each.rows >= _ENOUGH]
    return FoundTable(None if form == ExcelFormat() else form, others)


def _look(reader: ExcelReader, name: str) -> _Sheet | None:
    """Return a sheet with its header and the rows behind it; None: it has no table."""
    import fastexcel

    try:
        cells = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except fastexcel.FastExcelError:
        return None
    top = cells.head(_LOOKED_AT).rows()
    first = next((n for n, row in enumerate(top) if any(row)), 0)
    header = next((n for n, row in enumerate(top) if _is_header(row, top[n + 1 :])), None)
    if header is None:
        header = first
    rows = cells.height - header - 1
    # fastexcel takes the first row with a cell for row 0, and so does the reader.
    return _Sheet(name, 0 if header == first else header, rows) if rows > 0 else None


def _is_header(row: tuple[str | None, ...], following: list[tuple[str | None, ...]]) -> bool:
    """Return whether a row has names for nearly all cells of the rows behind it."""
    names = [cell for cell in row if cell]
    counts = [sum(cell is not None for cell in each) for each in following[:_FOLLOWING]]
    return (
        len(names) >= min(2, len(row))
        and len(names) == len(set(names))
        and len(names) >= _FULL * max(counts, default=1)
        and pl.Series(names).cast(pl.Float64, strict=False).null_count() == len(names)
    )
