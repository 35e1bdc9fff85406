"""The features of a proposed model: one expression for each input, and those of the time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from airworthy.checks.feature_warnings import dense_ranks, signatures
from airworthy.proposal.column_names import free_name
from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.proposal import EventTime

_TWO_YEARS, _TWO_WEEKS = 700, 14


def feature_texts(inputs: Sequence[ColumnProfile], time: EventTime | None) -> dict[str, str]:
    """Return feature name -> the source text of its Polars expression.

    Args:
        inputs: The inputs, without the event time.
        time: The event time; None: there is none.
    """
    texts = {}
    for each in inputs:
        if each.kind != "datetime":
            texts[each.name] = _column(each.name)
        elif time is not None:
            hours = (
                f"({_column(time.column.name)} - {_column(each.name)}).dt.total_seconds() / 3600"
            )
            texts[f"hours_since_{each.name}"] = hours
    if time is None:
        return texts
    column = _column(time.column.name)
    for name, text in _calendar(time, column):
        texts[free_name(name, texts)] = text
    return texts


def feature_series(texts: dict[str, str], sample: pl.DataFrame) -> dict[str, pl.Series]:
    """Return feature name -> its values for the sample's rows."""
    # These texts are made here, of quoted names only.
    expressions = {name: eval(text, {"pl": pl}) for name, text in texts.items()}  # noqa: S307
    return {name: sample.select(each.alias(name)).to_series() for name, each in expressions.items()}


def without_copies(
    texts: dict[str, str], values: dict[str, pl.Series], inputs: Sequence[ColumnProfile]
) -> dict[str, str]:
    """Return the features without those of the calendar that an input is already.

    Args:
        texts: Feature name -> the source text of its expression.
        values: Feature name -> its values.
        inputs: The inputs.
    """
    own = {each.name for each in inputs}
    known = {mark for name in texts if name in own for mark in _marks(values[name])}
    return {
        name: text
        for name, text in texts.items()
        if name in own or known.isdisjoint(_marks(values[name]))
    }


def _marks(values: pl.Series) -> list[tuple[str, bytes]]:
    return list(signatures(dense_ranks(values), values.dtype))


def features_file(name: str, texts: dict[str, str]) -> str:
    """Return the text of ``features.py``."""
    lines = [f"    {json.dumps(key, ensure_ascii=False)}: {text}," for key, text in texts.items()]
    return "\n".join(
        [
            f'"""The features of {name}: one expression over one row each."""',
            "",
            "import polars as pl",
            "",
            "FEATURES = {",
            *lines,
            "}",
            "",
        ]
    )


def _column(name: str) -> str:
    return f"pl.col({json.dumps(name, ensure_ascii=False)})"


def _calendar(time: EventTime, column: str) -> list[tuple[str, str]]:
    found = []
    if time.hours:
        found.append(("hour", f"{column}.dt.hour()"))
    if time.days.span >= _TWO_WEEKS and time.days.step < 5:
        found.append(("weekday", f"{column}.dt.weekday()"))
    if time.days.span >= _TWO_YEARS:
        found.append(("month", f"{column}.dt.month()"))
    return found
