"""Reads texts as numbers, booleans and times, to see the type that a column has."""

from __future__ import annotations

import polars as pl

from airworthy.lake.casting import BLANKS, FALSE, TRUE
from airworthy.lake.sources.scan_file import decimal_point

# Words for a missing value. The first ones may be a value of their own in a column of texts.
AMBIGUOUS_WORDS = ("NA", "na", "Na", "none", "missing", "NULL", "-999", "nil")
NULL_WORDS = ("?", "-", "--", "N/A", "n/a", "#N/A", "n.a.", ".", "(null)", "\\N", "NaT")
# A column is a number when so many of its cells are.
NEARLY_ALL = 0.98
_LARGEST_EXACT = 2**53


def stripped(column: pl.Series) -> pl.Series:
    """Return texts without blanks around them; blank ones are null."""
    texts = column.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)


def null_words(texts: pl.Series, decimal: str) -> list[str]:
    """Return the words for a missing value in a column, in the order of `NULL_WORDS`.

    A word that may be a value counts only in a column whose other cells are numbers.
    """
    words = [word for word in (*NULL_WORDS, *AMBIGUOUS_WORDS) if bool((texts == word).any())]
    rest = texts.filter(~texts.is_in([*words, *BLANKS])).drop_nulls()
    if len(rest) and as_numbers(rest, decimal).is_not_null().mean() >= NEARLY_ALL:  # type: ignore[operator]
        return [word for word in words if word not in BLANKS]
    return [word for word in words if word in NULL_WORDS]


def as_numbers(texts: pl.Series, decimal: str) -> pl.Series:
    """Return texts as floats; null where a text is no number."""
    plain = texts
    if decimal == ",":
        plain = texts.to_frame("cell").select(decimal_point("cell")).to_series().alias(texts.name)
    numbers = plain.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


def are_codes(texts: pl.Series) -> bool:
    """Return whether whole numbers are codes: with leading zeros, or too long for a float."""
    if bool(texts.str.contains(r"^0\d+$").any()):
        return True
    whole = texts.cast(pl.Int64, strict=False)
    return bool((whole.abs() > _LARGEST_EXACT).any())


def are_whole(texts: pl.Series) -> bool:
    """Return whether all texts are whole numbers."""
    return bool(texts.str.contains(r"^[+-]?\d{1,18}$").all())


def are_booleans(texts: pl.Series) -> bool:
    """Return whether all texts are words for yes and no that Airworthy reads, both of them."""
    words = set(texts.str.to_lowercase().unique())
    known = {*TRUE, *FALSE} - {"0", "1"}
    return words <= known and bool(words & set(TRUE)) and bool(words & set(FALSE))
