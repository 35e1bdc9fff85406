"""Finds the form of a CSV file, if there is only one that fits.

clevercsv was tried first. It always gives an answer, the most likely one, and knows no encoding, no
decimal mark and no lines before the header. Here a form counts only if every row of the sample has
the same number of cells, and no other form does as well. charset-normalizer tells
the encodings of other scripts apart; those of Latin letters it mixes up in short texts.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from airworthy.lake.sources.open_text import open_bytes, open_text
from airworthy.spec.sources_part import CsvFormat

_SEPARATORS = (",", ";", "\t", "|")
_ROWS = 500
_SAMPLE = 1 << 18
_PREAMBLE = 20
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_POINT = re.compile(r"[+-]?\d+\.\d+")
_TIME = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T]\d{1,2}:\d\d.*)?")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Most bytes are letters in each of them. A text counts as one of them if they all read the same.
_LATIN = ("cp1252", "cp1250", "cp1254")
_OTHERS = ["cp1251", "cp1253", "shift_jis", "gb18030", "euc_kr", "big5"]
_WORD = re.compile(rb"[\x80-\xff]{3,}")
_IN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")


def sniff_csv(path: Path) -> CsvFormat | None:
    """Return the form of a CSV file.

    Separator, quotation mark, decimal mark, encoding, the lines before the header and a missing
    header are found. A file without a header gets the names ``column_1`` and so on.

    Returns:
        The form; None when it is the default form, or when more than one form fits.

    Raises:
        OSError: when the file cannot be read.
    """
    encoding = encoding_of(path)
    if encoding is None:
        return None
    with closing(open_text(path, encoding)) as stream:
        lines = stream.readlines(_SAMPLE)
    fitting = _fitting(lines)
    if fitting is None:
        return None
    separator, quote, skip = fitting
    rows = _rows(lines[skip:], separator, quote) or []
    header = not _is_data(rows)
    form = CsvFormat(
        separator=separator,
        quote=quote,
        decimal="," if separator != "," and _has_decimal_comma(rows[header:]) else ".",
        encoding=encoding,
        header=header,
        names=[] if header else [f"column_{n}" for n in range(1, len(rows[0]) + 1)],
        skip_lines=skip,
    )
    return None if form == CsvFormat() else form


def written(form: CsvFormat) -> str:
    """Return a form as it is written in a spec.

    >>> written(CsvFormat(separator=";", decimal=","))
    'csv: {separator: ";", decimal: ","}'
    """
    default = CsvFormat()
    keys = []
    for name in CsvFormat.model_fields:
        value = getattr(form, name)
        if value == getattr(default, name):
            continue
        if isinstance(value, list):
            keys.append(f"{name}: [{', '.join(value)}]")
        elif isinstance(value, str):
            keys.append(f'{name}: "{value}"'.replace("\t", "\\t").replace('"""', "'\"'"))
        else:
            keys.append(f"{name}: {'null' if value is None else str(value).lower()}")
    return f"csv: {{{', '.join(keys)}}}"


def encoding_of(path: Path) -> str | None:
    """Return the encoding of a text file, by Python's name; None when it cannot be told.

    Raises:
        OSError: when the file cannot be read.
    """
    with closing(open_bytes(path)) as stream:
        start = stream.read(_SAMPLE)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked is not None or start.count(0) * 4 > len(start):
        return marked or _unmarked_utf16(start)
    foreign = _lines_beyond_utf8(path)
    return "utf-8" if not foreign else _best_encoding(foreign)


def _unmarked_utf16(start: bytes) -> str | None:
    """Return the encoding of a text with zero bytes at every second place."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if even and odd:
        return None
    return "utf-16-be" if even else "utf-16-le"


def _lines_beyond_utf8(path: Path) -> bytes:
    """Return the first lines that are not UTF-8, up to a limit."""
    found: list[bytes] = []
    with closing(open_bytes(path)) as stream:
        for line in stream:
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                found.append(line)
                if len(found) == _ROWS:
                    break
    return b"".join(found)


def _best_encoding(text: bytes) -> str | None:
    readings = latin_readings(text)
    if readings:
        return next(iter(readings)) if len(set(readings.values())) == 1 else None
    from charset_normalizer import from_bytes

    best = from_bytes(text, cp_isolation=_OTHERS).best()
    return None if best is None else codecs.lookup(best.encoding).name


def latin_readings(text: bytes) -> dict[str, str]:
    """Return what a text may mean, by encoding of Latin letters; empty: it has other letters."""
    if _WORD.search(text):
        return {}
    readings = {}
    for encoding in _LATIN:
        read = text.decode(encoding, errors="replace")
        if "\ufffd" not in read and all(sign.isalpha() for sign in _IN_WORD.findall(read)):
            readings[encoding] = read
    return readings


def _fitting(lines: list[str]) -> tuple[str, str | None, int] | None:
    """Return separator, quotation mark and lines to skip of the one form that fits."""
    for skip in range(min(_PREAMBLE, max(len(lines) - 2, 0)) + 1):
        fits = [
            (separator, quote, skip)
            for separator in _SEPARATORS
            if (quote := _fitting_quote(lines[skip:], separator, with_names=skip > 0)) is not False
        ]
        fits = _without_decimals(lines[skip:], fits)
        if fits:
            return fits[0] if len(fits) == 1 else None
    return None


def _without_decimals(
    lines: list[str], fits: list[tuple[str, str | None, int]]
) -> list[tuple[str, str | None, int]]:
    """Return the forms, without that of the comma if all commas are those of another's numbers."""
    others = [fit for fit in fits if fit[0] != ","]
    if len(others) != 1 or len(fits) != 2:
        return fits
    rows = _rows(lines, *others[0][:2]) or []
    commas = [cell for row in rows for cell in row if "," in cell]
    return others if all(_COMMA.fullmatch(cell.strip()) for cell in commas) else fits


def _fitting_quote(
    lines: list[str], separator: str, with_names: bool
) -> str | Literal[False] | None:
    """Return the quotation mark with which all lines fit a separator; False: with none.

    Args:
        lines: The lines.
        separator: The separator.
        with_names: The first line must be a header.
    """
    for quote in _quotes(lines, separator):
        rows = _rows(lines, separator, quote)
        if not rows or len(rows) < 2 or len(rows[0]) < 2:
            continue
        if not with_names or all(_kind(cell) == "text" for cell in rows[0]):
            return quote
    return False


def _quotes(lines: list[str], separator: str) -> tuple[str | None, ...]:
    """Return the quotation marks to try, in order."""
    text = "".join(lines)
    single = [f"{separator}'", f"'{separator}"]
    if '"' not in text and all(text.count(edge) >= 2 for edge in single):
        return ("'", '"')
    return ('"', None) if '"' in text else ('"',)


def _rows(lines: list[str], separator: str, quote: str | None) -> list[list[str]] | None:
    """Return the rows of all lines; None when their numbers of cells differ."""
    options: dict[str, Any] = {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
    reader = csv.reader(lines, delimiter=separator, strict=True, **options)
    try:
        rows = [row for row in islice(reader, _ROWS) if row]
    except csv.Error:
        # The sample may end within a cell. What was read before must fit.
        return None
    return rows if len({len(row) for row in rows}) == 1 else None


def _has_decimal_comma(rows: list[list[str]]) -> bool:
    """Return whether numbers have a decimal comma: no point, and not three digits only behind it."""
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if _COMMA.fullmatch(cell)]
    points = any(_POINT.fullmatch(cell) for cell in cells)
    return not points and any(len(cell.rsplit(",", 1)[1]) != 3 for cell in commas)


def _is_data(rows: list[list[str]]) -> bool:
    """Return whether the first row is like all others, so that it is no header.

    Numbers alone may be names, such as years.
    """
    first, others = rows[0], rows[1:]
    if any(count > 1 for count in Counter(first).values()) and all(first):
        return any(_kind(cell) == "time" for cell in first)
    kinds = [_kind(cell) for cell in first]
    if "time" not in kinds and ("number" not in kinds or set(kinds) == {"number"}):
        return False
    return all(
        kind == "text" or all(_kind(row[n]) in (kind, "blank") for row in others)
        for n, kind in enumerate(kinds)
    )


def _kind(cell: str) -> str:
    text = cell.strip()
    if not text:
        return "blank"
    if _NUMBER.fullmatch(text):
        return "number"
    return "time" if _TIME.fullmatch(text) else "text"
