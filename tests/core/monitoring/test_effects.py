"""Effects are the textbook's distances of all rows, whatever pieces they were read in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from airworthy.monitoring.bins import CategoryBins, NumberBins, build_bins
from airworthy.monitoring.effects import effects
from airworthy.monitoring.window_summary import ColumnSummary, summarise, summarise_column
from airworthy.spec.fields import ColumnType

KINDS: dict[str, ColumnType] = {
    "n": "float",
    "i": "int",
    "c": "category",
    "b": "bool",
    "at": "datetime",
}


def rows(
    seed: int, count: int = 3000, shift: float = 0.0, scale: float = 1.0, cities: str = "abcd"
) -> pl.DataFrame:
    """Return rows with a number, a count, a category and a flag.

    Args:
        seed: Of the random numbers.
        count: How many.
        shift: Of the numbers' mean.
        scale: Of the numbers' spread.
        cities: The categories.
    """
    chance = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "n": chance.normal(5 + shift, 2 * scale, count),
            "i": chance.poisson(3 + shift, count),
            "c": chance.choice(list(cities), count),
            "b": chance.random(count) < 0.3,
        }
    )


def effect(name: str, live: pl.DataFrame, reference_rows: pl.DataFrame) -> dict[str, float]:
    """Return the sizes of a column's effects by aspect.

    Args:
        name: The column.
        live: Live rows.
        reference_rows: Reference rows.
    """
    bins = build_bins(reference_rows, {name: KINDS[name]}).columns[name]
    result = effects(
        summarise_column(live[name], bins), summarise_column(reference_rows[name], bins), bins
    )
    return {aspect: each.size for aspect, each in result.items()}


@pytest.mark.parametrize("name", ["n", "i"])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 1.4), (-2.5, 0.5)])
def test_distance_of_numbers_is_wassersteins(name: str, shift: float, scale: float) -> None:
    """Computed from counts and sums in bins, it is scipy's on all rows to the third digit."""
    live, reference_rows = rows(1, shift=shift, scale=scale), rows(2)
    exact = (
        wasserstein_distance(live[name].to_numpy(), reference_rows[name].to_numpy())
        / reference_rows[name].to_numpy().std()
    )
    result = effect(name, live, reference_rows)
    assert result["distance"] == pytest.approx(exact, abs=0.003)
    assert result["spread"] == pytest.approx(
        abs(np.log(np.std(live[name].to_numpy()) / np.std(reference_rows[name].to_numpy()))),
        abs=0.01,
    )


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
    st.lists(st.sampled_from("abcd"), min_size=1),
)
def test_distance_of_categories_is_jensen_and_shannons(
    reference_rows: list[str], live: list[str]
) -> None:
    """It is scipy's, with all new values as one; their share is the effect `new`."""
    bins = build_bins(pl.DataFrame({"c": reference_rows}), {"c": "category"}).columns["c"]
    result = effects(
        summarise_column(pl.Series(live), bins),
        summarise_column(pl.Series(reference_rows), bins),
        bins,
    )
    shares = [
        [sum(value == name for value in side) / len(side) for name in "abc"]
        + [sum(value not in reference_rows for value in side) / len(side)]
        for side in ([v if v in reference_rows else "d" for v in live], reference_rows)
    ]
    kept = [index for index, name in enumerate("abc") if name in reference_rows] + [3]
    exact = jensenshannon(*([side[index] for index in kept] for side in shares))
    assert result["distance"].size == pytest.approx(0.0 if np.isnan(exact) else exact, abs=1e-6)
    assert result["new"].size == pytest.approx(shares[0][3])


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=40), st.integers(1, 5)
)
def test_pieces_add_up_to_the_whole(values: list[float | None], pieces: int) -> None:
    """A window read in pieces has the summary of the window; so has one stored as JSON."""
    frame = pl.DataFrame({"n": pl.Series(values, dtype=pl.Float64)})
    bins = build_bins(frame, {"n": "float"})
    whole = summarise([frame], bins)["n"]
    parts = summarise(frame.iter_slices(max(1, frame.height // pieces)), bins)["n"]
    read = ColumnSummary.from_json(whole.to_json())
    for other in (parts, read):
        assert np.array_equal(other.counts, whole.counts)
        assert other.missing == whole.missing
        assert np.allclose(other.sums, whole.sums)
        assert np.allclose(other.higher, whole.higher)
    assert whole.rows == len(values)


@given(st.integers(0, 1000))
def test_a_window_has_not_moved_from_itself(seed: int) -> None:
    """Every effect of rows against the same rows is 0."""
    frame = rows(seed, 50)
    for name in ("n", "i", "c", "b"):
        assert max(effect(name, frame, frame).values()) == pytest.approx(0.0, abs=1e-6)


def test_one_absurd_value_moves_nothing_and_a_changed_unit_does() -> None:
    """Values far out count as the outermost edge: one of 10^12 among thousands is no drift, all
    times 1000 are.
    """
    reference_rows, live = rows(1), rows(2)
    absurd = live.with_columns(n=pl.when(pl.int_range(pl.len()) == 7).then(1e12).otherwise("n"))
    assert effect("n", absurd, reference_rows)["distance"] < 0.05
    assert effect("n", live.with_columns(n=pl.col("n") * 1000), reference_rows)["distance"] > 2


def test_missing_values_and_new_categories_are_shares() -> None:
    """A tenth missing is 0.1; a less frequent known category is not new."""
    reference_rows, live = rows(1, 2000), rows(2, 2000)
    hole = live.with_columns(n=pl.when(pl.int_range(pl.len()) % 10 == 0).then(None).otherwise("n"))
    assert effect("n", hole, reference_rows)["missing"] == pytest.approx(0.1)
    assert effect("c", rows(2, 2000, cities="abcde"), reference_rows)["new"] == pytest.approx(
        0.2, abs=0.03
    )
    assert effect("c", rows(2, 2000, cities="abc"), reference_rows)["new"] == 0.0


def test_nothing_is_measured_where_there_is_nothing() -> None:
    """Without values only the missing ones tell; without rows nothing does."""
    reference_rows = rows(1)
    empty = reference_rows.with_columns(n=pl.lit(None, pl.Float64))
    assert effect("n", empty, reference_rows) == {"missing": 1.0}
    bins = build_bins(reference_rows, {"n": "float"}).columns["n"]
    nothing = summarise_column(pl.Series([], dtype=pl.Float64), bins)
    assert effects(nothing, summarise_column(reference_rows["n"], bins), bins) == {}


@pytest.mark.parametrize("name", ["n", "i", "c", "b"])
def test_noise_is_what_sampling_gives(name: str) -> None:
    """Over many samples of one world, squared effects are the stated noise on average, or somewhat
    less.
    """
    reference_rows = rows(0, 4000)
    bins = build_bins(reference_rows, {name: KINDS[name]}).columns[name]
    reference = summarise_column(reference_rows[name], bins)
    result = [
        effects(summarise_column(rows(seed, 500)[name], bins), reference, bins)
        for seed in range(1, 150)
    ]
    for aspect in ("distance", "spread"):
        measured = [each[aspect] for each in result if aspect in each]
        if measured:
            ratio = np.mean([m.size**2 for m in measured]) / np.mean([m.noise for m in measured])
            assert 0.3 < ratio < 1.3


def test_bins_of_strange_columns() -> None:
    """Constant, empty and missing columns have bins; times have none; other data have another
    digest.
    """
    frame = pl.DataFrame(
        {
            "n": [3.0] * 5,
            "i": pl.Series([None] * 5, dtype=pl.Int64),
            "c": [None] * 5,
            "b": [True] * 5,
        }
    )
    bins = build_bins(frame, KINDS)
    assert set(bins.columns) == {"n", "i", "c", "b"}
    constant, texts = bins.columns["n"], bins.columns["c"]
    assert isinstance(constant, NumberBins)
    assert constant.scale > 0
    assert isinstance(texts, CategoryBins)
    assert texts.categories == []
    assert build_bins(frame, KINDS).digest == bins.digest != build_bins(rows(1), KINDS).digest
    assert effect("n", frame.with_columns(n=pl.lit(4.0)), frame)["distance"] > 0.1
