"""The digest is the identity of data: every real difference counts, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.errors import TerminalError
from airworthy.lake.digest import dataset_digest, frame_digest

CELLS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "float": (pl.Float64, st.none() | st.floats(allow_infinity=True)),
    "int": (pl.Int64, st.none() | st.integers(-(2**62), 2**62)),
    "bool": (pl.Boolean, st.none() | st.booleans()),
    "text": (pl.String, st.none() | st.text(max_size=6)),
    "time": (
        pl.Datetime("us", "UTC"),
        st.none()
        | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    ),
}


@st.composite
def frames(draw: st.DrawFn, min_rows: int = 0) -> pl.DataFrame:
    """Draw a frame of some columns."""
    rows = draw(st.integers(min_rows, 12))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    columns = [
        pl.Series(
            f"c{n}",
            draw(st.lists(CELLS[kind][1], min_size=rows, max_size=rows)),
            dtype=CELLS[kind][0],
        )
        for n, kind in enumerate(kinds)
    ]
    return pl.DataFrame(columns)


@given(frames(min_rows=1), st.data())
def test_layout_does_not_matter(frame: pl.DataFrame, data: st.DataObject) -> None:
    """Equal content gives an equal digest, however it is chunked, sliced or padded under its nulls."""
    cut = data.draw(st.integers(0, frame.height))
    chunked = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    sliced = pl.concat([frame, frame])[frame.height :]
    nulls_over_values = frame.select(
        pl.when(pl.col(name).is_null())
        .then(None)
        .otherwise(pl.col(name).fill_null(pl.col(name).drop_nulls().first()))
        .alias(name)
        for name in frame.columns
    )
    expected = frame_digest(frame)
    assert [frame_digest(same) for same in (chunked, sliced, nulls_over_values)] == [expected] * 3


@given(frames(min_rows=1), st.data())
def test_any_changed_cell_shows(frame: pl.DataFrame, data: st.DataObject) -> None:
    """Changing one cell, also from or to null, changes the digest; so an equal digest means equal
    cells.
    """
    name = data.draw(st.sampled_from(frame.columns))
    row = data.draw(st.integers(0, frame.height - 1))
    cells = next(strategy for kind, strategy in CELLS.values() if kind == frame.schema[name])
    column = frame[name].to_list()
    column[row] = data.draw(cells)
    changed = frame.with_columns(pl.Series(name, column, dtype=frame.schema[name]))
    assert (frame_digest(changed) == frame_digest(frame)) == changed.equals(frame, null_equal=True)


@given(frames())
def test_names_types_and_rows_count(frame: pl.DataFrame) -> None:
    """A renamed column, another type, a column or a row more: each gives another digest."""
    first = frame.columns[0]
    others = [
        frame.rename({first: "renamed"}),
        frame.with_columns(pl.lit(None, dtype=pl.Int32).alias(first)),
        frame.with_columns(pl.lit(None, dtype=pl.Int64).alias("more")),
        pl.concat([frame, frame.clear(1)]),
    ]
    digests = [frame_digest(frame), *map(frame_digest, others)]
    assert len(set(digests)) == len(digests)


def test_texts_do_not_run_together() -> None:
    """Cells with the same joined text are still other cells."""
    assert frame_digest(pl.DataFrame({"a": ["ab", "c"]})) != frame_digest(
        pl.DataFrame({"a": ["a", "bc"]})
    )
    assert frame_digest(pl.DataFrame({"a": ["", None]})) != frame_digest(
        pl.DataFrame({"a": [None, ""]})
    )


def test_one_nan_and_one_zero() -> None:
    """NaN is one value whatever its bits, -0.0 is 0.0, and neither is null."""
    odd_nan = -float("nan")
    assert frame_digest(pl.DataFrame({"a": [float("nan"), 0.0]})) == frame_digest(
        pl.DataFrame({"a": [odd_nan, -0.0]})
    )
    empty = pl.DataFrame({"a": [None, 0.0]}, schema={"a": pl.Float64})
    assert frame_digest(empty) != frame_digest(pl.DataFrame({"a": [float("nan"), 0.0]}))


def test_a_type_without_canonical_form_is_refused() -> None:
    """A list column is named, not hashed in some accidental way."""
    with pytest.raises(TerminalError, match="'a' has a type"):
        frame_digest(pl.DataFrame({"a": [[1], [2]]}))


@given(
    st.dictionaries(
        st.dates().map(str), st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1
    )
)
def test_a_dataset_is_its_partitions_and_schema(partitions: dict[str, str]) -> None:
    """The dataset digest depends on no order of insertion, and on every partition, its content and
    the schema.
    """
    schema: dict[str, pl.DataType] = {"a": pl.Float64()}
    digest = dataset_digest(partitions, schema)
    assert dataset_digest(dict(reversed(partitions.items())), schema) == digest
    day, content = next(iter(partitions.items()))
    assert dataset_digest(
        partitions | {day: content[1:] + ("0" if content[0] != "0" else "1")}, schema
    ) != digest or (content[1:] + ("0" if content[0] != "0" else "1") == content)
    assert dataset_digest({k: v for k, v in partitions.items() if k != day}, schema) != digest
    assert dataset_digest(partitions, {"a": pl.Int64()}) != digest
