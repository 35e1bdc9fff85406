"""Reads texts that are numbers with a sign of money, a unit or marks between thousands. Pure.

Also texts with blanks around them, which a request would not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

# Between thousands: mark, comma, point, blanks of several widths, apostrophes.
_BETWEEN = (",", ".", " ", "\u00a0", "\u202f", "\u2009", "'", "\u2019")
_MINUS = "\u2212"
_SYMBOL = "[%‰°$€£¥₹₽₩₺₴₫₦₱]"
_CODE = r"(?:EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|CAD|AUD|Rs\.?|Fr\.?|kr\.?)"
_BLANK = "[ \u00a0\u202f\u2009]"
_CELL = re.compile(
    rf"(\()?([-+{_MINUS}]?)({_SYMBOL}|{_CODE})?{_BLANK}?([-+{_MINUS}]?)"
    rf"(\d[\d.,'\u2019 \u00a0\u202f\u2009]*?)({_BLANK}?)({_SYMBOL}C?|{_CODE}|[a-zA-Z]{{1,3}}[²³]?)?(\))?"
)
_MIN_CELLS = 20


@dataclass(frozen=True)
class Amounts:
    """The way from the texts of a column to plain numbers.

    Attributes:
        steps: Text -> its replacement, one after the other; all others stay.
        example: A cell with what is replaced.
        trimmed: Whether only blanks around a text are taken away, which is then no number.
    """

    steps: tuple[tuple[str, str], ...]
    example: str
    trimmed: bool = False

    def sql(self, column: str) -> str:
        """Return the SQL expression for a quoted column.

        >>> Amounts((("€", ""), (",", ".")), "5,00 €").sql("fare")
        "REPLACE(REPLACE(fare, '€', ''), ',', '.')"
        """
        if self.trimmed:
            return f"TRIM({column})"
        for old, new in self.steps:
            column = "REPLACE({}, '{}', '{}')".format(column, old.replace("'", "''"), new)
        return column

    def numbers(self, texts: pl.Series) -> pl.Series:
        """Return the texts with everything replaced."""
        for old, new in self.steps:
            texts = texts.str.replace_all(old, new, literal=True)
        return texts.str.strip_chars()


def find_blanks(raw: pl.Series) -> Amounts | None:
    """Return the way to texts without blanks around them; None: there are none."""
    padded = raw.filter((raw != raw.str.strip_chars()) & (raw.str.strip_chars() != ""))
    return None if padded.is_empty() else Amounts((), str(padded[0]), trimmed=True)


def find_amounts(
    texts: pl.Series, decimal: str, nearly_all: float, least: int = _MIN_CELLS
) -> Amounts | None:
    """Return how a column of texts becomes numbers; None: it needs nothing, or it is not clear.

    ``1.234`` alone could be two numbers, and is none here. So is a column of several currencies.

    Args:
        texts: Cells without blanks around them; null where a cell has no value.
        decimal: The decimal mark of the source.
        nearly_all: The least share of the cells that must be numbers.
        least: The least number of different cells.
    """
    cells = texts.drop_nulls().unique(maintain_order=True).to_list()
    found = [(cell, match) for cell in cells if (match := _CELL.fullmatch(cell)) is not None]
    if len(cells) < least or len(found) < nearly_all * len(cells):
        return None
    units = {(match[3] or "", match[7] or "") for _, match in found}
    if len(units) != 1:
        return None
    marks = _marks([match[5] for _, match in found], decimal)
    if marks is None:
        return None
    steps = tuple(_steps([cell for cell, _ in found], next(iter(units)), marks, decimal))
    if not steps:
        return None
    old = steps[0][0]
    return Amounts(steps, next(cell for cell, _ in found if old in cell))


def _marks(numbers: list[str], decimal: str) -> tuple[str, str] | None:
    """Return the marks between thousands (empty: none) and before decimals; None: not clear."""
    other = "," if decimal == "." else "."
    fits = [
        (between, mark)
        for mark in (decimal, other)
        for between in ("", *_BETWEEN)
        if between != mark and all(_fits(number, between, mark) for number in numbers)
    ]
    # A mark that is in no cell says nothing.
    used = [(b, mark if any(mark in n for n in numbers) else "") for b, mark in fits]
    used = list(dict.fromkeys((b, m) for b, m in used if not b or any(b in n for n in numbers)))
    if len(used) == 1:
        return used[0]
    thousands = [each for each in used if not each[1]]
    if len(used) == 2 and len(thousands) == 1:
        # 1,234 beside 266 has a mark between thousands: three decimals would be there always.
        plain = [number for number in numbers if thousands[0][0] not in number]
        return thousands[0] if plain and max(map(len, plain)) <= 3 else None
    return None


def _fits(number: str, between: str, mark: str) -> bool:
    end = rf"(?:{re.escape(mark)}\d+)?"
    if re.fullmatch(rf"\d+{end}", number):
        return True
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(between)}\d{{3}})+{end}"
    return bool(between) and re.fullmatch(grouped, number) is not None


def _steps(
    cells: list[str], unit: tuple[str, str], marks: tuple[str, str], decimal: str
) -> Iterator[tuple[str, str]]:
    """Yield each text to replace that is in a cell, the longer ones first."""
    between, mark = marks
    removed = [*sorted(filter(None, set(unit)), key=len, reverse=True), between, " ", "\u00a0"]
    removed += ["\u202f", "\u2009", ")", "+"]
    for text in dict.fromkeys(filter(None, removed)):
        if any(text in cell for cell in cells):
            yield text, ""
    for minus in ("(", _MINUS):
        if any(minus in cell for cell in cells):
            yield minus, "-"
    if mark and mark != decimal:
        yield mark, decimal
