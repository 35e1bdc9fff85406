"""Somebody's rows as one lazy table, read in bounded memory, and a sample spread over them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from airworthy.proposal.origin import FilesOrigin
from airworthy.proposal.proposal_error import ProposalError
from airworthy.spec.sources_part import CsvFormat

SAMPLE_ROWS = 20_000
MAX_FILES = 60
_SNIFFER = "airworthy.lake.sources.csv_sniffer"
_PIECE = 8 * 2**20


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
    """

    name: str
    scan: pl.LazyFrame
    csv: CsvFormat | None = None
    note: str = ""
    scratch: Scratch | None = field(default=None, repr=False)

    @cached_property
    def rows(self) -> int:
        """The number of all rows."""
        with reading(self.name):
            return int(self.scan.select(pl.len()).collect(engine="streaming").item())

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
    form = _csv_form(files[-1]) if origin.format == "csv" else None
    with reading(origin.text, origin.format):
        scans = [
            _scan(path, origin.format, form, scratch.folder / str(number))
            for number, path in enumerate(files)
        ]
        table = pl.concat(scans, how="diagonal_relaxed") if len(scans) > 1 else scans[0]
        table.collect_schema()
    return RowTable(origin.text, table, form, note, scratch)


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


def _csv_form(path: Path) -> CsvFormat | None:
    """Return the form of a CSV file; None for RFC 4180's in UTF-8."""
    if find_spec(_SNIFFER) is None:
        return None
    form: CsvFormat | None = import_module(_SNIFFER).sniff_csv(path)
    return form


def _scan(path: Path, form: str, csv: CsvFormat | None, copy: Path) -> pl.LazyFrame:
    match form:
        case "parquet":
            return pl.scan_parquet(path, glob=False, hive_partitioning=False)
        case "jsonl":
            return pl.scan_ndjson(path, infer_schema_length=SAMPLE_ROWS)
        case "excel":
            return pl.read_excel(path, infer_schema_length=SAMPLE_ROWS).lazy()
    return _scan_csv(path, csv or CsvFormat(), copy)


def _scan_csv(path: Path, csv: CsvFormat, copy: Path) -> pl.LazyFrame:
    source = path if _is_utf8(csv.encoding) else _in_utf8(path, csv.encoding, copy)
    return pl.scan_csv(
        source,
        infer_schema=False,
        glob=False,
        separator=csv.separator,
        quote_char=csv.quote,
        has_header=csv.header,
        new_columns=csv.names or None,
        skip_lines=csv.skip_lines,
    )


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii", "utf-8-sig")


def _in_utf8(path: Path, encoding: str, copy: Path) -> Path:
    with (
        path.open(encoding=encoding, newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        while piece := source.read(_PIECE):
            target.write(piece)
    return copy
