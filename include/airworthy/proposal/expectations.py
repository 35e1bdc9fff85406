"""Proposes expectations from the sample, each with the share of the rows that meets it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10, sqrt
from typing import Any

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile

MAX_EXPECTATIONS = 24
_MAX_SET, _TREND = 30, 0.9


@dataclass(frozen=True)
class ProposedExpectation:
    """One expectation: its keys in the spec's order, and what a comment says of it."""

    keys: dict[str, Any]
    comment: str


def propose_expectations(
    columns: Sequence[ColumnProfile], rows_a_day: float, time: pl.Series | None
) -> list[ProposedExpectation]:
    """Propose limits for numbers and sets for categories, at most `MAX_EXPECTATIONS`.

    A critical limit is also a rule of the model server. It is a whole range away from what was
    seen, so that only what is absurd is refused. What is usual is a warning.

    Args:
        columns: The label and the inputs, the important ones first.
        rows_a_day: The number of rows in a batch.
        time: The event time of the rows; None: there is none.
    """
    found: list[ProposedExpectation] = []
    for column in columns:
        found += _of_column(column, rows_a_day, time)
    return found[:MAX_EXPECTATIONS]


def _of_column(
    column: ColumnProfile, rows_a_day: float, time: pl.Series | None
) -> Iterator[ProposedExpectation]:
    if column.kind in ("int", "float"):
        yield _limits(column, rows_a_day, time)
    elif column.kind == "category" and 1 < column.distinct <= _MAX_SET:
        levels = sorted(column.present.unique().to_list())
        yield _warning(
            "expect_column_values_to_be_in_set", column, {"value_set": levels}, 1.0, rows_a_day
        )


def _limits(
    column: ColumnProfile, rows_a_day: float, time: pl.Series | None
) -> ProposedExpectation:
    numbers = column.present.cast(pl.Float64)
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    if _has_trend(column, time):
        room = high - low
        bounds = _bounds(low - room, high + room, low >= 0, column.kind == "int")
        return _warning(
            "expect_column_values_to_be_between", column, bounds, 1.0, rows_a_day,
            "; it grows with time, so no limit stops a run",
        )  # fmt: skip
    bounds = _bounds(low - (high - low), high + (high - low), low >= 0, column.kind == "int")
    keys = {"type": "expect_column_values_to_be_between", "column": column.name, **bounds}
    seen = f"holds for 100 %; seen: {low:g} to {high:g}, 98 % from {_q(numbers, 0.01)} to "
    return ProposedExpectation(keys, seen + _q(numbers, 0.99))


def _warning(
    kind: str,
    column: ColumnProfile,
    arguments: dict[str, Any],
    share: float,
    rows_a_day: float,
    more: str = "",
) -> ProposedExpectation:
    mostly = mostly_of(share, rows_a_day)
    keys = {
        "type": kind,
        "column": column.name,
        **arguments,
        "mostly": mostly,
        "severity": "warning",
    }
    return ProposedExpectation(keys, f"holds for {share:.4g}".replace("for 1", "for 100 %") + more)


def mostly_of(share: float, rows_a_day: float) -> float:
    """Return a share that a day's rows have, chance and some new values allowed for.

    >>> mostly_of(1.0, 2000.0)
    0.98
    """
    rate = min(share, 0.99)
    chance = 3 * sqrt(rate * (1 - rate) / max(rows_a_day, 4.0))
    return max(0.5, floor(100 * (rate - chance)) / 100)


def _has_trend(column: ColumnProfile, time: pl.Series | None) -> bool:
    """Return whether a column's values follow the event time."""
    if time is None:
        return False
    both = pl.DataFrame({"value": column.values, "time": time}).drop_nulls()
    if both.height < 30 or both["value"].n_unique() < 10:
        return False
    strength = both.select(pl.corr("value", pl.col("time").to_physical(), method="spearman")).item()
    return strength is not None and abs(float(strength)) > _TREND


def _bounds(low: float, high: float, positive: bool, whole: bool) -> dict[str, Any]:
    return {
        "min_value": 0 if positive and low <= 0 else _rounded(low, whole, up=False),
        "max_value": _rounded(high, whole, up=True),
    }


def _rounded(value: float, whole: bool, up: bool) -> int | float:
    """Round away from what was seen, to two digits."""
    if value == 0:
        return 0
    unit = 10.0 ** (floor(log10(abs(value))) - 1)
    steps = -floor(-value / unit) if up else floor(value / unit)
    rounded = steps * unit
    if whole or abs(rounded) >= 100:
        return round(rounded) if not whole else (-floor(-rounded) if up else floor(rounded))
    return float(f"{rounded:.6g}")


def _q(numbers: pl.Series, share: float) -> str:
    return f"{float(numbers.quantile(share)):.4g}"  # type: ignore[arg-type]
