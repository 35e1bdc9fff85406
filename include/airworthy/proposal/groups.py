"""Proposes the groups of the baseline and the slices, from the sample. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.label import Label

_MAX_GROUPS, _MAX_INT_GROUPS = 50, 24
_MIN_GAIN, _MIN_SLICE, _MAX_SLICES = 0.002, 0.03, 8


def baseline_groups(features: dict[str, pl.Series], label: Label) -> list[str]:
    """Return at most two features whose groups tell most of the label, the best one first.

    Args:
        features: Feature name -> its values, for features with few values.
        label: The label.
    """
    gains = {name: _explained(values, label) for name, values in features.items()}
    best = sorted(
        (name for name in gains if gains[name] >= _MIN_GAIN), key=lambda name: -gains[name]
    )
    return best[:2]


def has_groups(values: pl.Series) -> bool:
    """Return whether a feature has so few values that they are groups."""
    most = _MAX_INT_GROUPS if values.dtype.is_numeric() else _MAX_GROUPS
    return not values.dtype.is_float() and 1 < values.drop_nulls().n_unique() <= most


def propose_slices(inputs: Sequence[ColumnProfile], most: int = 2) -> list[Any]:
    """Return columns with a few groups that are large enough; else a number cut in three.

    Args:
        inputs: The inputs, the important ones first.
        most: The largest number of slices.
    """
    found: list[Any] = [each.name for each in inputs if _is_sliced(each)][:most]
    if found:
        return found
    for each in inputs:
        if each.kind in ("int", "float") and each.distinct > _MAX_SLICES:
            numbers = each.present.cast(pl.Float64)
            cuts = [float(f"{numbers.quantile(share):.2g}") for share in (1 / 3, 2 / 3)]
            if float(numbers.min()) < cuts[0] < cuts[1] < float(numbers.max()):  # type: ignore[arg-type]
                return [{"column": each.name, "bins": cuts}]
    return []


def _is_sliced(column: ColumnProfile) -> bool:
    if column.kind not in ("category", "bool", "int") or not 1 < column.distinct <= _MAX_SLICES:
        return False
    counts = column.present.value_counts()["count"]
    return bool((counts / len(column.values)).min() >= _MIN_SLICE)  # type: ignore[operator]


def importance(column: ColumnProfile, label: Label) -> float:
    """Return the share of the label that ten groups of an input tell."""
    values = column.values
    if values.dtype.is_temporal():
        return 0.0
    if values.dtype.is_numeric() and column.distinct > _MAX_INT_GROUPS:
        values = (values.rank("ordinal") * 10 / len(values)).floor()
    return _explained(values, label)


def _explained(values: pl.Series, label: Label) -> float:
    """Return the share of the label's variance between the groups of the values.

    For classes, it is the mean over the classes' indicators.
    """
    numbers = label.numbers
    if label.task == "multiclass":
        codes = numbers.drop_nulls().unique().to_list()[:10]
        shares = [_share(values, (numbers == code).cast(pl.Float64)) for code in codes]
        return sum(shares) / max(1, len(shares))
    return _share(values, numbers)


def _share(values: pl.Series, target: pl.Series) -> float:
    frame = pl.DataFrame({"group": values.cast(pl.String), "target": target}).drop_nulls("target")
    total = frame["target"].var(ddof=0)
    if frame.height < 20 or not total:
        return 0.0
    means = frame.select(pl.col("target").mean().over("group")).to_series()
    # Many small groups tell something by chance.
    groups = frame["group"].n_unique()
    share = float(means.var(ddof=0)) / float(total)  # type: ignore[arg-type]
    return max(0.0, share - groups / frame.height)
