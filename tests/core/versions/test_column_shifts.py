"""Columns of two dataset versions are compared by their recorded statistics."""

from __future__ import annotations

import polars as pl

from airworthy.lake.statistics import frame_statistics
from airworthy.versions.column_shifts import ColumnShift, column_shifts

BEFORE = pl.DataFrame(
    {
        "km": [1.0, 2.0, 3.0, 4.0],
        "city": ["oslo", "oslo", "oslo", "bergen"],
        "stops": [1, 2, 3, 4],
        "gone": [1, 1, 1, 1],
    }
)


def shifts(after: pl.DataFrame) -> dict[str, ColumnShift]:
    """Return the shifts from `BEFORE`, each by its column and aspect."""
    compared = column_shifts(frame_statistics(BEFORE), frame_statistics(after))
    return {f"{shift.column} {shift.aspect}": shift for shift in compared}


def test_the_same_columns_have_no_shift() -> None:
    """Nor has a change below the monitor's default limits."""
    assert shifts(BEFORE) == {}
    assert shifts(BEFORE.with_columns(pl.col("km") + 0.1)) == {}


def test_each_kind_of_change_is_named() -> None:
    """Means, deviations, categories, missing values, types, and columns that came and went."""
    after = pl.DataFrame(
        {
            "km": [10.0, 20.0, 30.0, None],
            "city": ["bergen", "bergen", "bergen", "oslo"],
            "stops": [1.0, 2.0, 3.0, 4.0],
            "new": [1, 1, 1, 1],
        }
    )
    found = shifts(after)
    assert set(found) == {
        "km distance",
        "km spread",
        "km missing",
        "city distance",
        "stops type",
        "gone removed",
        "new added",
    }
    assert (found["km missing"].before, found["km missing"].after) == (0.0, 0.25)
    assert found["city distance"].before == "bergen 25.0%"
