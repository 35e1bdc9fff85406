"""The baseline is the training mean within each group."""

from __future__ import annotations

import polars as pl
import pytest

from airworthy.training.baseline import BaselineModel, fit_baseline


def test_group_means_over_partitions() -> None:
    """Means add up over partitions; a missing label does not count; an unseen group gets the
    overall mean.
    """
    parts = [
        (pl.DataFrame({"city": ["a", "a", "b"]}), pl.Series([1.0, 3.0, 10.0])),
        (pl.DataFrame({"city": ["a", "b", None]}), pl.Series([5.0, None, 7.0])),
    ]
    model = fit_baseline("regression", ["city"], parts, [])
    predictions = model.predict(pl.DataFrame({"city": ["a", "b", None, "new"]}))
    assert predictions.tolist() == pytest.approx([3.0, 10.0, 7.0, 26 / 5])
    assert BaselineModel.model_validate_json(model.model_dump_json()) == model


def test_without_groups_it_is_the_mean() -> None:
    """No groups: every row gets the training mean."""
    model = fit_baseline(
        "binary", [], [(pl.DataFrame({"x": [1, 2, 3, 4]}), pl.Series([0, 0, 0, 1]))], ["0", "1"]
    )
    assert model.predict(pl.DataFrame({"x": [9, 9]})).tolist() == [0.25, 0.25]


def test_multiclass_gives_shares() -> None:
    """A multiclass baseline predicts each class's share, with one row of the overall shares in
    every group.
    """
    frame = pl.DataFrame({"city": ["a", "a", "a", "a"]})
    model = fit_baseline(
        "multiclass", ["city"], [(frame, pl.Series(["x", "y", "y", "z"]))], ["x", "y", "z"]
    )
    assert model.predict(frame[:1]).tolist() == [[0.25, 0.5, 0.25]]


def test_small_group_is_never_certain() -> None:
    """A group with one row is pulled halfway to the overall rate: its log loss stays finite."""
    frame = pl.DataFrame({"city": ["a", "b", "b", "b"]})
    model = fit_baseline("binary", ["city"], [(frame, pl.Series([1, 0, 0, 1]))], ["0", "1"])
    assert model.predict(frame[:2]).tolist() == [(1 + 0.5) / 2, (1 + 0.5) / 4]


def test_groups_never_share_a_name() -> None:
    """Values with separators, and missing ones, are groups of their own."""
    frame = pl.DataFrame({"a": ["x|y", "x", None, "null"], "b": ["z", "y|z", "q", "q"]})
    model = fit_baseline("regression", ["a", "b"], [(frame, pl.Series([1.0, 2.0, 3.0, 4.0]))], [])
    assert model.predict(frame).tolist() == [1.0, 2.0, 3.0, 4.0]
