"""Warnings about features, measured on a sample: constant, a copy of another, the label itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from airworthy.checks.source_sample import Sample
from airworthy.checks.spec_warning import SpecWarning
from airworthy.features import load_expressions, too_many_levels
from airworthy.spec.model_spec import ModelSpec

MIN_ROWS = 200
# On fewer days a calendar's features look constant, or alike, and are not.
_MIN_DAYS = 20
CARRIES_LABEL = 0.98
_FEW_VALUES = 0.1
Ranks = np.ndarray[Any, np.dtype[np.int64]]


def feature_warnings(path: Path, spec: ModelSpec, sample: Sample) -> Iterator[SpecWarning]:
    """Find useless and leaking features.

    Args:
        path: The ``features.py``.
        spec: The model's spec.
        sample: Rows of the model's source.
    """
    expressions = load_expressions(path, spec.model)
    values, failures = _compute(expressions, sample.rows)
    for name, message in failures.items():
        yield SpecWarning(
            str(path),
            f"FEATURES[{name!r}]",
            f"this feature fails on rows of the source: {message}",
            "write an expression for every value, such as cast(..., strict=False)",
        )
    ranks = {name: dense_ranks(values[name]) for name in values.columns}
    calendar = [] if sample.days >= _MIN_DAYS else _of_time(expressions, spec.ingest.event_time)
    judged = {name: codes for name, codes in ranks.items() if name not in calendar}
    rows = f"in {values.height:,} rows of {sample.days} days"
    yield from _free_texts(path, values, rows)
    yield from _constants(path, judged, values, rows)
    yield from _copies(path, judged, values, rows)
    yield from _label_warnings(path, spec, sample, ranks)


def _of_time(expressions: Mapping[str, pl.Expr], event_time: str) -> list[str]:
    return [name for name, each in expressions.items() if event_time in each.meta.root_names()]


def _free_texts(path: Path, values: pl.DataFrame, rows: str) -> Iterator[SpecWarning]:
    """Find a text with so many levels that most of them are in a few rows only."""
    for name in values.columns:
        levels = values[name].drop_nulls().n_unique()
        if not too_many_levels(values[name].dtype, levels, values[name].count()):
            continue
        yield SpecWarning(
            str(path),
            f"FEATURES[{name!r}]",
            f"this category has {levels:,} levels {rows}, so most levels have a few rows to learn "
            "from: it is more like free text",
            "group rare levels in the expression (pl.when(...is_in(frequent))...), take a part of "
            "the text, or leave the feature out; declare the column as string, not category",
        )


def _constants(
    path: Path, ranks: Mapping[str, Ranks], values: pl.DataFrame, rows: str
) -> Iterator[SpecWarning]:
    for name in (name for name, codes in ranks.items() if _is_constant(codes)):
        yield SpecWarning(
            str(path),
            f"FEATURES[{name!r}]",
            f"this feature has one value {rows}: {values[name][0]}",
            "remove it, or correct its expression",
        )


def _copies(
    path: Path, ranks: Mapping[str, Ranks], values: pl.DataFrame, rows: str
) -> Iterator[SpecWarning]:
    """Find each feature with the same order or the same groups as an earlier one."""
    first: dict[tuple[str, bytes], str] = {}
    for name, codes in ranks.items():
        if _is_constant(codes):
            continue
        marks = list(signatures(codes, values[name].dtype))
        other = next((first[each] for each in marks if each in first), None)
        for each in marks:
            first.setdefault(each, name)
        if other is not None:
            yield SpecWarning(
                str(path),
                f"FEATURES[{name!r}]",
                f"this feature is a copy of {other!r} {rows}: it tells nothing more",
                "remove one of the two, or correct its expression",
            )


def _is_constant(codes: Ranks) -> bool:
    return bool(codes.min() == codes.max())


def _compute(
    expressions: Mapping[str, pl.Expr], rows: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the values of the features that can be computed, and the others' error messages."""
    columns, failures = [], {}
    for name, expression in expressions.items():
        try:
            columns.append(rows.with_columns(expression.alias(name))[name])
        except pl.exceptions.PolarsError as error:
            failures[name] = str(error).splitlines()[0]
    return pl.DataFrame(columns), failures


def _label_warnings(
    path: Path, spec: ModelSpec, sample: Sample, ranks: Mapping[str, Ranks]
) -> Iterator[SpecWarning]:
    label = sample.rows[spec.ingest.label]
    labelled = label.is_not_null().to_numpy()
    if labelled.sum() < MIN_ROWS:
        return
    for name, codes in ranks.items():
        share = told_by(codes[labelled], label.drop_nulls(), spec.task == "regression")
        if share >= CARRIES_LABEL:
            yield SpecWarning(
                str(path),
                f"FEATURES[{name!r}]",
                f"this feature carries the label: alone it tells {share:.1%} of "
                f"{spec.ingest.label} in rows that it was not fitted on",
                "remove it, unless it really is known at the time of a prediction",
            )


def dense_ranks(column: pl.Series) -> Ranks:
    """Return the dense rank of each value, shape (rows,); 0: missing."""
    if column.dtype.is_numeric():
        ordered = column.cast(pl.Float64).fill_nan(None)
    elif column.dtype == pl.Boolean:
        ordered = column.cast(pl.Int8)
    else:
        ordered = column.cast(pl.String)
    return ordered.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()


def signatures(codes: Ranks, kind: pl.DataType) -> Iterator[tuple[str, bytes]]:
    """Yield what a column has in common with each copy of it: the order, and the groups of texts."""
    reverse = np.where(codes > 0, codes.max() + 1 - codes, 0)
    yield "order", min(codes.tobytes(), reverse.tobytes())
    few = codes.max() <= _FEW_VALUES * len(codes)
    if few and not (kind.is_numeric() or kind == pl.Boolean):
        # Codes by first appearance: a renamed category is the same category.
        _, start, inverse = np.unique(codes, return_index=True, return_inverse=True)
        yield "groups", start[inverse].tobytes()


def told_by(codes: Ranks, label: pl.Series, number: bool) -> float:
    """Return the R², or the balanced accuracy, of one feature alone on rows it was not fitted on.

    Args:
        codes: The feature's dense ranks.
        label: The label of the same rows, without a missing one.
        number: Whether the label is a number.
    """
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    target = label.cast(pl.Float64).to_numpy() if number else dense_ranks(label)
    if len(np.unique(target)) < 2 or _is_constant(codes):
        return 0.0
    kind, score = (
        (DecisionTreeRegressor, r2_score)
        if number
        else (DecisionTreeClassifier, balanced_accuracy_score)
    )
    tree = kind(min_samples_leaf=3, random_state=0)
    tree.fit(codes[::2, None], target[::2])
    with warnings.catch_warnings():
        # A rare class may be in one half of the rows only.
        warnings.simplefilter("ignore")
        return float(score(target[1::2], tree.predict(codes[1::2, None])))
