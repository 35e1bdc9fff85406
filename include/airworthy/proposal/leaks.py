"""Finds columns that carry the label, and columns that are copies of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.checks.feature_warnings import CARRIES_LABEL, Ranks, dense_ranks, signatures, told_by
from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.label import Label

_EXACT, _NOTHING = 1e-9, 1e-4
_MIN_ROWS, _SUM_ROWS = 100, 5_000
_OFTEN_EQUAL, _MANY_VALUES = 0.2, 50
_LABEL = "__label"
# Parts of a sum are looked for among so many columns.
_MAX_PARTS = 60


def leaks(inputs: Sequence[ColumnProfile], label: Label) -> dict[str, str]:
    """Return column name -> reason, for each input that gives the label away.

    Such a column is known only with the label, or is made of it.
    """
    found = dict(_single(inputs, label))
    rest = [each for each in inputs if each.name not in found]
    return found | _sums(rest, label)


def copies(inputs: Sequence[ColumnProfile]) -> dict[str, str]:
    """Return column name -> reason, for each input with the order or groups of an earlier one."""
    first: dict[tuple[str, bytes], str] = {}
    found = {}
    for each in inputs:
        if each.kind == "datetime":
            continue
        marks = list(signatures(dense_ranks(each.values), each.values.dtype))
        earlier = next((first[mark] for mark in marks if mark in first), None)
        if earlier is not None:
            found[each.name] = f"it is a copy of {earlier}"
        for mark in marks:
            first.setdefault(mark, each.source)
    return found


def row_ids(inputs: Sequence[ColumnProfile]) -> dict[str, str]:
    """Return column name -> reason, for each whole number that only counts the rows."""
    found = {}
    for each in inputs:
        if each.kind != "int" or each.null_share or len(each.values) < _MIN_ROWS:
            continue
        if counts_rows(each):
            found[each.name] = "it only counts the rows"
    return found


def counts_rows(column: ColumnProfile) -> bool:
    """Return whether a column of whole numbers rises by the same step from row to row."""
    if column.kind != "int" or column.null_share:
        return False
    steps = column.values.diff().drop_nulls()
    return len(steps) > 1 and bool((steps == steps[0]).all()) and steps[0] != 0


def _single(inputs: Sequence[ColumnProfile], label: Label) -> Iterator[tuple[str, str]]:
    labelled = label.profile.values.is_not_null()
    target = label.profile.values.filter(labelled)
    if len(target) < _MIN_ROWS:
        return
    ranks_of_label = dense_ranks(target)
    name = label.profile.source
    for each in inputs:
        if each.kind == "datetime":
            continue
        ranks = dense_ranks(each.values.filter(labelled))
        if ranks.max() == ranks_of_label.max() and _same_order(ranks, ranks_of_label):
            yield each.name, f"it is a copy of the label {name}, or rises or falls with it"
            continue
        if ranks.min() == ranks.max():
            continue
        equal = _equal_share(each, label)
        if equal >= _OFTEN_EQUAL:
            yield each.name, f"it has the label in it: the same value in {equal:.0%} of the rows"
            continue
        share = told_by(ranks, target, label.task == "regression")
        if share >= CARRIES_LABEL:
            yield each.name, f"it carries the label: alone it tells {share:.1%} of {name}"


def _equal_share(column: ColumnProfile, label: Label) -> float:
    """Return the share of rows in which an amount is the label's; 0.0 for labels of few values."""
    few = label.task != "regression" or label.profile.distinct < _MANY_VALUES
    if few or column.kind not in ("int", "float"):
        return 0.0
    return float((column.values.cast(pl.Float64) == label.numbers).mean() or 0.0)  # type: ignore[arg-type]


def _same_order(ranks: Ranks, others: Ranks) -> bool:
    return bool((ranks == others).all() or (ranks.max() + 1 - ranks == others).all())


def _sums(inputs: Sequence[ColumnProfile], label: Label) -> dict[str, str]:
    """Find columns that give a number as label exactly, by adding or subtracting."""
    found: dict[str, str] = {}
    if label.task != "regression":
        return found
    numbers = [each for each in inputs if each.kind in ("int", "float")][:_MAX_PARTS]
    while numbers:
        weights = _exact_weights(numbers, label)
        parts = [each for each, weight in zip(numbers, weights, strict=True) if weight]
        if not parts:
            return found
        if all(weight >= 0 for weight in weights):
            words = f"it is a part of the label: {' + '.join(each.source for each in parts)}"
            return found | {each.name: words for each in parts}
        largest = max(parts, key=_spread)
        others = ", ".join(each.source for each in parts if each is not largest)
        found[largest.name] = f"the label can be computed from it, with {others}"
        numbers = [each for each in numbers if each is not largest]
    return found


def _spread(column: ColumnProfile) -> float:
    return float(np.nanstd(column.values.cast(pl.Float64).fill_null(float("nan")).to_numpy()))


def _exact_weights(numbers: Sequence[ColumnProfile], label: Label) -> Array:
    """Return the weight of each column in an exact sum of the label; zeros: there is none."""
    none = np.zeros(len(numbers))
    columns = [each.values.cast(pl.Float64).fill_null(0.0).alias(each.name) for each in numbers]
    frame = pl.DataFrame([*columns, label.numbers.alias(_LABEL)]).drop_nulls(_LABEL)
    frame = frame.gather_every(-(-frame.height // _SUM_ROWS) or 1)
    if frame.height < max(_MIN_ROWS, 3 * len(numbers)):
        return none
    target = frame[_LABEL].to_numpy()
    values = frame.drop(_LABEL).to_numpy()
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    centred = target - target.mean()
    weights, *_ = np.linalg.lstsq(scaled, centred, rcond=1e-10)
    error = centred - scaled @ weights
    if not centred.any() or float(np.mean(error**2)) > _EXACT * float(np.var(target)):
        return none
    result: Array = np.where(np.abs(weights) > _NOTHING * target.std(), weights, 0.0)
    return result
