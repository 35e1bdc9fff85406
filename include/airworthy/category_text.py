"""The one text of a category's value: `1` for 1, 1.0 and "1.0"; `true` for true, True and "True"."""

from __future__ import annotations

import re

import polars as pl

_WHOLE = r"^(-?(?:0|[1-9][0-9]*))\.0+$"
_BOOLEAN = r"^(?:true|True|TRUE|false|False|FALSE)$"
_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
_TRAILING_ZEROS = r"(\.[0-9]*?)0+$"
_INT64_END = 2.0**63


def category_text(value: str | float | bool) -> str:
    """Return the one text of a value.

    >>> [category_text(value) for value in (1, 1.0, "1.0", 1.5, True, "True", "one")]
    ['1', '1', '1', '1.5', 'true', 'true', 'one']
    """
    if type(value) is float and value.is_integer() and abs(value) < _INT64_END:
        value = int(value)
    text = str(value)
    whole = re.match(_WHOLE, text.removesuffix("\n"))
    if whole and not text.endswith("\n"):
        return "0" if whole[1] == "-0" else whole[1]
    return text.lower() if re.fullmatch(_BOOLEAN, text) else text


def category_texts(column: pl.Series) -> pl.Series:
    """Return a column's values as their one texts; null stays null."""
    return (
        column.to_frame("value")
        .select(texts_of(pl.col("value"), column.dtype))["value"]
        .alias(column.name)
    )


def texts_of(expression: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return the expression of the one texts of a column of a Polars type."""
    if kind.is_float():
        whole = expression.cast(pl.Int64, strict=False)
        is_whole = whole.cast(kind).eq(expression) & (expression.abs() < _INT64_END)
        texts = pl.when(is_whole).then(whole.cast(pl.String))
        return texts.otherwise(expression.cast(pl.String))
    text = expression.cast(pl.String, strict=False)
    if kind.is_decimal():
        return text.str.replace(_TRAILING_ZEROS, "$1").str.strip_suffix(".")
    if kind.is_integer() or kind == pl.Boolean:
        return text
    number = text.str.extract(_WHOLE, 1).str.replace("^-0$", "0")
    boolean = pl.when(text.str.contains(_BOOLEAN)).then(text.str.to_lowercase())
    return pl.coalesce(number, boolean, text)


def json_type(texts: list[str]) -> str | None:
    """Return the JSON type that all these texts stand for.

    Returns:
        ``number``, ``boolean``, or None for other texts and for none at all.

    >>> json_type(["1", "2.5"]), json_type(["false", "True"]), json_type(["01", "2"])
    ('number', 'boolean', None)
    """
    for kind, pattern in (("number", _NUMBER), ("boolean", _BOOLEAN)):
        if texts and all(re.fullmatch(pattern, text) for text in texts):
            return kind
    return None
