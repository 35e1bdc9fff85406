"""Turns the values of a binary label into yes and no, by ``ingest.positive`` and ``negative``."""

from __future__ import annotations

import polars as pl

from airworthy.category_text import category_text, category_texts
from airworthy.errors import TerminalError
from airworthy.lake.casting import cast_column
from airworthy.spec.ingest_part import Ingest

_SHOWN = 10


def label_values(label: pl.Series, ingest: Ingest) -> tuple[pl.Series, str | None]:
    """Return the label as booleans, and the value that means no.

    Args:
        label: The label's values without blanks.
        ingest: Its ``positive`` and ``negative``. Without them the label is returned as it is.

    Returns:
        The label. With ``negative``, a value that is neither of the two stays a text: it is no
        boolean. And the value that means no, if there is one; None: no row has it.

    Raises:
        TerminalError: when two values or more could mean no, or when the label has other values
            than yes and no, and the spec does not say the meaning.
    """
    if ingest.positive is None:
        _require_meaning(label, ingest)
        return label, None
    texts = _texts(label)
    yes = category_text(ingest.positive).strip()
    no = None if ingest.negative is None else category_text(ingest.negative).strip()
    if no is None:
        no = _only_other(texts, yes, ingest)
    known = [yes] if no is None else [yes, no]
    meanings = ["true", "false"][: len(known)]
    values = texts.replace_strict(known, meanings, default=texts, return_dtype=pl.String)
    strange = ~texts.is_in(known)
    # A third value that reads like a boolean must not become one.
    marked = "neither: " + values
    return values.zip_with(~strange.fill_null(value=False), marked).alias(label.name), no


def _texts(label: pl.Series) -> pl.Series:
    return category_texts(label).str.strip_chars()


def _only_other(texts: pl.Series, yes: str, ingest: Ingest) -> str | None:
    others = texts.filter(texts != yes).drop_nulls().unique().to_list()
    if len(others) > 1:
        raise TerminalError(
            f"the label {ingest.label!r} has {len(others)} values that are not the positive one",
            received=_counted(texts),
            allowed=f"{yes!r} (ingest.positive), and one other value",
            next_step="write the value that means no as ingest.negative, or correct "
            "ingest.positive; with more classes declare task: multiclass and a category",
        )
    return str(others[0]) if others else None


def _require_meaning(label: pl.Series, ingest: Ingest) -> None:
    """Raise for a boolean label of other values. Strange words among them go to quarantine."""
    if ingest.columns[ingest.label] != "bool" or label.null_count() == len(label):
        return
    cast = cast_column(label, "bool")
    strange = label.filter(label.is_not_null() & cast.is_null())
    words = label.dtype == pl.String and strange.cast(pl.Float64, strict=False).null_count() == len(
        strange
    )
    if strange.is_empty() or (words and cast.null_count() < len(cast)):
        return
    texts = _texts(label)
    values = sorted(texts.drop_nulls().unique().to_list())
    allowed = "true, false, yes, no, 1, 0; or two other values with their meaning"
    next_step = (
        "a label of more than two values is a task: multiclass with a category; or derive a "
        "boolean in ingest.source.derive"
    )
    if len(values) <= 2:
        line = " or ".join(f"`positive: {_written(value)}`" for value in values)
        next_step = f"write the value that means yes under ingest: {line}"
    raise TerminalError(
        f"the label {ingest.label!r} has values that are neither yes nor no",
        received=_counted(texts),
        allowed=allowed,
        next_step=next_step,
    )


def _counted(texts: pl.Series) -> str:
    counts = (
        texts.drop_nulls()
        .alias("value")
        .value_counts()
        .sort("count", "value", descending=[True, False])
    )
    shown = [f"{value!r} ({count})" for value, count in counts.head(_SHOWN).iter_rows()]
    more = counts.height - _SHOWN
    return ", ".join(shown) + (f" and {more} more values" if more > 0 else "")


def _written(value: str) -> str:
    """Return a value as YAML that is read as this value again."""
    import yaml

    read = yaml.safe_load(value) if value.strip() else None
    plain = isinstance(read, str) or (type(read) is int and str(read) == value)
    return value if plain and ": " not in value and "#" not in value else repr(value)


def require_same_no(
    no: str | None, known: str | None, label: str, day: str, known_day: str
) -> None:
    """Check that a partition's value for no is that of the other partitions.

    Args:
        no: The partition's value for no; None: it has none.
        known: The value of another partition; None: there is none.
        label: The label's name.
        day: The partition.
        known_day: The other partition.

    Raises:
        TerminalError: when they differ.
    """
    if no is None or known is None or no == known:
        return
    raise TerminalError(
        f"the label {label!r} has another value for no than on other days",
        received=f"{no!r} on {day}, {known!r} on {known_day}",
        allowed="one value that means no",
        next_step=f"write `negative: {_written(known)}` under ingest: rows of a third value are "
        "then kept aside; or correct the source",
    )
