"""Feature checks refuse expressions over other rows, and only these."""

from __future__ import annotations

from pathlib import Path

import pytest

from airworthy.checks.feature_file import feature_faults, sample_frame
from airworthy.spec import load_spec
from airworthy.spec.fields import ColumnType

VALID = Path(__file__).with_name("valid.yaml")

ROW_BY_ROW = [
    'pl.col("distance_km")',
    'pl.col("distance_km").fill_null(0.0).log1p()',
    'pl.col("city")',
    'pl.col("city").str.to_lowercase().fill_null("none")',
    'pl.col("city").str.slice(0, 2).cast(pl.Int32)',
    'pl.col("city").str.to_date("%Y-%m-%d").dt.ordinal_day()',
    'pl.col("picked_up_at").dt.hour() + pl.col("distance_km")',
    'pl.when(pl.col("distance_km") > 3).then(1).otherwise(0)',
    'pl.col("city").is_in(["red", "blue"])',
]
OVER_ROWS = [
    'pl.col("distance_km").mean()',
    'pl.col("distance_km") - pl.col("distance_km").mean()',
    'pl.col("distance_km").mean().over("city")',
    'pl.col("distance_km").fill_null(pl.col("distance_km").median())',
    'pl.col("distance_km").shift(1)',
    'pl.col("distance_km").rank()',
    'pl.col("distance_km").cum_sum()',
    'pl.col("distance_km").forward_fill()',
    'pl.col("city").is_duplicated()',
    'pl.col("picked_up_at").diff().dt.total_minutes()',
]


def _faults(folder: Path, expression: str) -> list[str]:
    (folder / "features.py").write_text(
        f'import polars as pl\nFEATURES = {{"f": {expression}}}\n', encoding="utf-8"
    )
    return [fault.problem for fault in feature_faults(folder / "model.yaml", load_spec(VALID))]


@pytest.mark.parametrize("expression", ROW_BY_ROW)
def test_a_feature_over_one_row_is_accepted(tmp_path: Path, expression: str) -> None:
    """Ordinary features pass, numbers and dates parsed out of text included."""
    assert _faults(tmp_path, expression) == []


@pytest.mark.parametrize("expression", OVER_ROWS)
def test_a_feature_over_other_rows_is_refused(tmp_path: Path, expression: str) -> None:
    """Aggregates, windows, shifts, ranks and fills from neighbours mean another thing in serving:
    refused.
    """
    assert _faults(tmp_path, expression) == ["this feature looks at other rows"]


def test_the_sample_has_missing_and_repeated_values_of_every_type() -> None:
    """The sample rows can show a feature's behaviour: each column has nulls, repeats and several
    values.
    """
    kinds: dict[str, ColumnType] = {
        "a": "float",
        "b": "int",
        "c": "bool",
        "d": "category",
        "e": "string",
        "f": "datetime",
    }

    frame = sample_frame(kinds, ("red", "green", "blue"))

    for column in frame:
        assert column.null_count() > 0
        assert 3 <= column.n_unique() < frame.height  # a null counts as one
