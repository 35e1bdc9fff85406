"""Reads CSV files of the declared form.

Python's csv module reads each file once, before Polars does: it counts the cells of every row and
knows the line of a fault. Polars alone fills a row with too few cells with nulls, renames a column
that is there twice, and names no line. The same pass brings a file of another encoding, or a
compressed one, into plain UTF-8, in pieces.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple

import polars as pl

from airworthy.errors import TerminalError
from airworthy.lake.sources.csv_sniffer import encoding_of, latin_readings, sniff_csv, written
from airworthy.lake.sources.open_text import compression, is_utf8, open_bytes, open_text
from airworthy.spec.sources_part import CsvFormat

# A longer cell is the rest of a file behind an open quotation mark.
_LONGEST_CELL = 1 << 24
_SHOWN = 200
_ONE_BYTE = ("cp125", "iso8859", "mac", "koi8")


class CsvFile(NamedTuple):
    """A file that was read once: the columns, and the rows as text."""

    names: list[str]
    rows: pl.LazyFrame


class _Header(NamedTuple):
    names: list[str]
    lines_before: int


def scan_csv(path: Path, form: CsvFormat, scratch: Path) -> CsvFile:
    """Return a file's rows as text; a line without any value is left out.

    Args:
        path: The file, plain or compressed.
        form: Its declared form.
        scratch: A folder for a copy in plain UTF-8, if one is needed.

    Raises:
        TerminalError: when a line does not fit the form; it names the line, and the form that would
            fit if there is only one.
    """
    direct = compression(path) is None and is_utf8(form.encoding)
    target = path if direct else scratch / f"{len(list(scratch.iterdir())):06}.csv"
    header = _read_through(path, form, None if direct else target)
    options: dict[str, Any] = {} if form.header else {"new_columns": form.names}
    rows = pl.scan_csv(
        target,
        has_header=form.header,
        separator=form.separator,
        quote_char=form.quote,
        skip_lines=header.lines_before if direct else header.lines_before - form.skip_lines,
        infer_schema=False,
        glob=False,
        **options,
    )
    if len(set(header.names)) == len(header.names) != len(rows.collect_schema()):
        raise TerminalError(
            f"{path.name} has lines that end with CR alone",
            received=repr(rows.collect_schema().names()[:3])[:_SHOWN],
            allowed="LF or CRLF at the end of each line",
            next_step=f"convert it, such as: tr '\\r' '\\n' < {path.name}",
        )
    empty = pl.all_horizontal(pl.all().is_null())
    return CsvFile(header.names, rows.filter(~empty))


def _read_through(path: Path, form: CsvFormat, copy: Path | None) -> _Header:
    """Check every line of a file, and write its lines to `copy`, if given."""
    csv.field_size_limit(_LONGEST_CELL)
    _refuse_utf8(path, form)
    try:
        with closing(open_text(path, form.encoding)) as stream:
            for _ in range(form.skip_lines):
                stream.readline()
            if copy is None:
                return _check(stream, path, form)
            with copy.open("w", encoding="utf-8", newline="") as target:
                return _check(_tee(stream, target), path, form)
    except UnicodeError as error:
        raise _undecodable(path, form) from error


def _refuse_utf8(path: Path, form: CsvFormat) -> None:
    """Refuse a UTF-8 file that is declared with one byte for each letter: it can be decoded, too."""
    if not codecs.lookup(form.encoding).name.startswith(_ONE_BYTE):
        return
    with closing(open_bytes(path)) as stream:
        is_ascii = all(line.isascii() for line in stream)
    if not is_ascii and encoding_of(path) == "utf-8":
        raise TerminalError(
            f"{path.name} is UTF-8, and its spec says {form.encoding}",
            received="letters that are UTF-8 and would be two others each",
            allowed=form.encoding,
            next_step="take encoding out of ingest.source.csv",
        )


def _tee(lines: Iterator[str], target: IO[str]) -> Iterator[str]:
    for line in lines:
        target.write(line)
        yield line


def _check(lines: Iterator[str], path: Path, form: CsvFormat) -> _Header:
    """Check that all rows have the cells of the header.

    No Python code runs for a row. Only a file with a fault is read again, for its line.
    """
    reader = csv.reader(lines, strict=True, **dialect(form))
    try:
        header = _header(reader, path, form)
        lengths = set(map(len, reader))
    except csv.Error as error:
        raise _first_fault(path, form) or _broken(path, form, 1, _problem(error)) from error
    if not lengths <= {0, len(header.names)}:
        fault = _first_fault(path, form)
        if fault is not None:
            raise fault
    return header


def _header(reader: Iterator[list[str]], path: Path, form: CsvFormat) -> _Header:
    """Return the names of the columns, and the lines before them; empty lines may be before."""
    if not form.header:
        return _Header(form.names, form.skip_lines)
    for before, row in enumerate(reader):
        if row:
            return _Header(row, form.skip_lines + before)
    raise TerminalError(
        f"{path.name} is empty",
        received="no line" if not form.skip_lines else f"no line after {form.skip_lines}",
        allowed="a header with the names of the columns",
        next_step=f"bring {path} again, or take it away if there are no rows",
    )


def _first_fault(path: Path, form: CsvFormat) -> TerminalError | None:
    """Return the error of the first row that does not fit, with its line."""
    with closing(open_text(path, form.encoding)) as stream:
        for _ in range(form.skip_lines):
            stream.readline()
        reader = csv.reader(stream, strict=True, **dialect(form))
        line, names = form.skip_lines + 1, form.names
        try:
            for row in reader:
                names = names or row
                if row and len(row) != len(names):
                    return _ragged(path, form, line, row, names)
                line = form.skip_lines + reader.line_num + 1
        except csv.Error as error:
            return _broken(path, form, line, _problem(error))
    return None


def dialect(form: CsvFormat) -> dict[str, Any]:
    """Return the arguments of `csv.reader` for a form."""
    if form.quote is None:
        return {"delimiter": form.separator, "quoting": csv.QUOTE_NONE}
    return {"delimiter": form.separator, "quotechar": form.quote, "doublequote": True}


def form_hint(path: Path, form: CsvFormat) -> str | None:
    """Return the key to write for a file of another form than declared; None: there is no one form.

    It is written as ``csv: {separator: ";", decimal: ","}``.
    """
    found = sniff_csv(path)
    return None if found is None or found == form else written(found)


def form_with(path: Path, form: CsvFormat, missing: list[str], none_there: bool) -> str | None:
    """Return the key to write for a file that has missing columns in another form; None: it has not.

    Args:
        path: The file.
        form: Its declared form.
        missing: Columns that the file lacks in this form.
        none_there: It lacks all of them: then the names in its first line may be a row.
    """
    found = sniff_csv(path)
    if found is None or found == form:
        return None
    with closing(open_text(path, found.encoding)) as stream:
        for _ in range(found.skip_lines):
            stream.readline()
        names = _header(csv.reader(stream, **dialect(found)), path, found).names
    fits = none_there if not found.header else not set(missing).isdisjoint(names)
    return written(found) if fits else None


def _next_step(path: Path, form: CsvFormat, otherwise: str) -> str:
    hint = form_hint(path, form)
    return otherwise if hint is None else f"write in ingest.source: {hint}"


def _ragged(
    path: Path, form: CsvFormat, line: int, row: list[str], names: list[str]
) -> TerminalError:
    return TerminalError(
        f"{path.name}, line {line}: this row has {len(row)} cells, and there are {len(names)} "
        "columns",
        received=form.separator.join(row)[:_SHOWN],
        allowed=f"{len(names)} cells: {', '.join(names)[:_SHOWN]}",
        next_step=_next_step(
            path, form, f"correct line {line}, or the separator in ingest.source.csv"
        ),
    )


def stray_quote(path: Path, form: CsvFormat) -> TerminalError | None:
    """Return the error of the first row with a quotation mark within a cell that has none around.

    Python's csv module takes such a mark for a sign like any other. Polars does not.

    Args:
        path: The file, plain or compressed.
        form: Its declared form.
    """
    if form.quote is None:
        return None
    seen: list[str] = []
    with closing(open_text(path, form.encoding)) as stream:
        for _ in range(form.skip_lines):
            stream.readline()
        line = form.skip_lines + 1
        for _ in csv.reader(_keep(stream, seen), **dialect(form)):
            if "".join(seen).count(form.quote) % 2:
                return _broken(path, form, line, "a quotation mark is within a cell")
            line += len(seen)
            seen.clear()
    return None


def _keep(lines: Iterator[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line


def _problem(error: csv.Error) -> str:
    at_end = "unexpected end" in str(error) or "field larger" in str(error)
    return "a quotation mark is not closed" if at_end else str(error)


def _broken(path: Path, form: CsvFormat, line: int, problem: str) -> TerminalError:
    return TerminalError(
        f"{path.name}, line {line}: {problem}",
        received=_line_of(path, form, line)[:_SHOWN],
        allowed=f"{form.quote} around a whole cell, doubled within it",
        next_step=_next_step(
            path,
            form,
            f"correct line {line}, or write in ingest.source: csv: {{quote: null}}, if "
            f"{form.quote} is a sign like any other",
        ),
    )


def _line_of(path: Path, form: CsvFormat, number: int) -> str:
    with closing(open_text(path, form.encoding)) as stream:
        for _ in range(number - 1):
            stream.readline()
        return stream.readline().rstrip("\r\n")


def _undecodable(path: Path, form: CsvFormat) -> TerminalError:
    """Return the error of a file of another encoding, with the first such line."""
    line, shown = _first_undecodable(path, form.encoding)
    found = encoding_of(path)
    utf8 = is_utf8(form.encoding)
    readings = latin_readings(shown) if b"\0" not in shown else {}
    if found is not None:
        readings = {found: shown.decode(found, errors="replace")} if found[:6] != "utf-16" else {}
    meant = "".join(f"; as {name}: {text}" for name, text in readings.items())
    return TerminalError(
        f"{path.name}, line {line}: this is not {'UTF-8' if utf8 else form.encoding}",
        received=f"{shown!r}{meant}",
        allowed="UTF-8, or the encoding that ingest.source.csv names",
        next_step=f'write in ingest.source: csv: {{encoding: "{found or "..."}"}}, if that is it',
    )


def _first_undecodable(path: Path, encoding: str) -> tuple[int, bytes]:
    """Return the number of the first line that cannot be decoded, and what is around the byte."""
    with closing(open_bytes(path)) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, line[max(error.start - 20, 0) : error.end + 20].strip(b"\r\n")
            except UnicodeError:
                break
    return 1, b""
