"""Somebody's rows as one lazy table, read in bounded memory, and a sample spread over them."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from airworthy.lake.sources.csv_sniffer import sniff_csv
from airworthy.lake.sources.excel_sniffer import FoundTable, sniff_excel
from airworthy.lake.sources.scan_file import scan_file
from airworthy.proposal.origin import FilesOrigin
from airworthy.proposal.proposal_error import ProposalError
from airworthy.spec.sources_part import CsvFormat, ExcelFormat, FilesSource

SAMPLE_ROWS = 20_000
MAX_FILES = 60
_NESTED = "its cells are lists or objects, which no model reads"


class Scratch:
    """A folder for temporary copies, removed with the object."""

    def __init__(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="airworthy-proposal-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(frozen=True)
class RowTable:
    """Raw rows in the source's own names and types; CSV cells are texts.

    Attributes:
        name: The place of the rows in words.
        scan: All rows; nothing is read until it is collected.
        csv: The form of CSV files; None: RFC 4180's in UTF-8, or no CSV.
        note: What was not looked at, for people; empty: nothing.
        scratch: The folder of temporary copies, removed with the table.
        json_texts: Whether the cells are texts of JSON values.
        excel: The place of the rows in Excel files; None: the first rows of the first sheet.
    """

    name: str
    scan: pl.LazyFrame
    csv: CsvFormat | None = None
    note: str = ""
    scratch: Scratch | None = field(default=None, repr=False)
    json_texts: bool = False
    excel: ExcelFormat | None = None

    @cached_property
    def rows(self) -> int:
        """The number of all rows."""
        with reading(self.name):
            return int(self.scan.select(pl.len()).collect(engine="streaming").item())

    @cached_property
    def nested(self) -> dict[str, str]:
        """Column -> reason, for texts of JSON lines that are lists or objects in any row."""
        if not self.json_texts:
            return {}
        texts = pl.col(pl.String)
        marked = pl.when(texts.str.contains(r"^\s*[\[{]")).then(texts).first(ignore_nulls=True)
        with reading(self.name):
            cells = self.scan.select(marked).collect(engine="streaming").row(0, named=True)
        return {name: _NESTED for name, cell in cells.items() if cell and _is_container(cell)}

    @property
    def decimal(self) -> str:
        """The decimal mark of numbers in texts."""
        return "." if self.csv is None else self.csv.decimal

    def sample(self) -> pl.DataFrame:
        """Return at most `SAMPLE_ROWS` rows, at equal distances from the first to the last."""
        every = -(-self.rows // SAMPLE_ROWS) or 1
        with reading(self.name):
            return self.scan.gather_every(every).collect(engine="streaming")


def files_table(origin: FilesOrigin) -> RowTable:
    """Open files as one table.

    Raises:
        ProposalError: when a file is not of its format.
    """
    files, note = origin.files, ""
    if len(files) > MAX_FILES:
        every = -(-len(files) // MAX_FILES)
        files = [*files[:-1:every], files[-1]]
        note = f"{len(files)} of {len(origin.files)} files were looked at"
    scratch = Scratch()
    form = sniff_csv(files[-1]) if origin.format == "csv" else None
    with reading(origin.text, origin.format):
        place = sniff_excel(files[-1]) if origin.format == "excel" else FoundTable(None, [])
        source = FilesSource(
            type="files", format=origin.format, path="rows", csv=form, excel=place.form
        )
        scans = [scan_file(path, source, {}, scratch.folder) for path in files]
        table = pl.concat(scans, how="diagonal_relaxed") if len(scans) > 1 else scans[0]
        table.collect_schema()
    if place.others:
        note = f"{note}{'; ' if note else ''}other sheets have rows, too: {', '.join(place.others)}"
    return RowTable(
        origin.text, table, form, note, scratch, origin.format == "jsonl", excel=place.form
    )


def _is_container(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


@contextmanager
def reading(name: str, form: str = "") -> Iterator[None]:
    """Turn errors of reading into errors for people.

    Raises:
        ProposalError: when the block fails on the data.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, UnicodeError, OSError, ValueError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ProposalError(
            f"{name} cannot be read{f' as {form}' if form else ''}",
            received=first,
            allowed="whole files of one format, with the same columns",
            next_step="check the file",
        ) from error
