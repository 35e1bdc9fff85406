"""Warnings about features, measured on a sample: constant, a copy of another, the label itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from airworthy.checks.source_sample import Sample
from airworthy.checks.spec_warning import SpecWarning
from airworthy.features import load_expressions
from airworthy.spec.model_spec import ModelSpec

MIN_ROWS = 200
# On fewer days a calendar's features look constant, or alike, and are not.
_MIN_DAYS = 20
_CARRIES_LABEL = 0.98
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
    values = sample.rows.select(**expressions)
    ranks = {name: _ranks(values[name]) for name in values.columns}
    judged = {
        name: ranks[name]
        for name, expression in expressions.items()
        if sample.days >= _MIN_DAYS or spec.ingest.event_time not in expression.meta.root_names()
    }
    rows = f"in {values.height:,} rows of {sample.days} days"
    constant = [name for name, codes in judged.items() if codes.min() == codes.max()]
    for name in constant:
        yield SpecWarning(
            str(path),
            f"FEATURES[{name!r}]",
            f"this feature has one value {rows}: {values[name][0]}",
            "remove it, or correct its expression",
        )
    varying = {name: codes for name, codes in judged.items() if name not in constant}
    for name, other in _copies(varying, values):
        yield SpecWarning(
            str(path),
            f"FEATURES[{name!r}]",
            f"this feature is a copy of {other!r} {rows}: it tells nothing more",
            "remove one of the two, or correct its expression",
        )
    yield from _label_warnings(path, spec, sample, ranks)


def _label_warnings(
    path: Path, spec: ModelSpec, sample: Sample, ranks: Mapping[str, Ranks]
) -> Iterator[SpecWarning]:
    label = sample.rows[spec.ingest.label]
    labelled = label.is_not_null().to_numpy()
    if labelled.sum() < MIN_ROWS:
        return
    for name, codes in ranks.items():
        share = _told_by(codes[labelled], label.drop_nulls(), spec.task == "regression")
        if share >= _CARRIES_LABEL:
            yield SpecWarning(
                str(path),
                f"FEATURES[{name!r}]",
                f"this feature carries the label: alone it tells {share:.1%} of "
                f"{spec.ingest.label} in rows that it was not fitted on",
                "remove it, unless it really is known at the time of a prediction",
            )


def _ranks(column: pl.Series) -> Ranks:
    """Return the dense rank of each value, shape (rows,); 0: missing."""
    if column.dtype.is_numeric():
        ordered = column.cast(pl.Float64).fill_nan(None)
    elif column.dtype == pl.Boolean:
        ordered = column.cast(pl.Int8)
    else:
        ordered = column.cast(pl.String)
    return ordered.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()


def _copies(ranks: Mapping[str, Ranks], values: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield each feature with the earlier one that has the same order or the same groups."""
    first: dict[tuple[str, bytes], str] = {}
    for name, codes in ranks.items():
        signatures = list(_signatures(codes, values[name].dtype))
        other = next((first[each] for each in signatures if each in first), None)
        for each in signatures:
            first.setdefault(each, name)
        if other is not None:
            yield name, other


def _signatures(codes: Ranks, kind: pl.DataType) -> Iterator[tuple[str, bytes]]:
    reverse = np.where(codes > 0, codes.max() + 1 - codes, 0)
    yield "order", min(codes.tobytes(), reverse.tobytes())
    few = codes.max() <= _FEW_VALUES * len(codes)
    if few and not (kind.is_numeric() or kind == pl.Boolean):
        # Codes by first appearance: a renamed category is the same category.
        _, start, inverse = np.unique(codes, return_index=True, return_inverse=True)
        yield "groups", start[inverse].tobytes()


def _told_by(codes: Ranks, label: pl.Series, number: bool) -> float:
    """Return the R², or the balanced accuracy, of one feature alone on rows it was not fitted on."""
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    target = label.cast(pl.Float64).to_numpy() if number else _ranks(label)
    if len(np.unique(target)) < 2 or codes.min() == codes.max():
        return 0.0
    kind, score = (
        (DecisionTreeRegressor, r2_score)
        if number
        else (DecisionTreeClassifier, balanced_accuracy_score)
    )
    tree = kind(min_samples_leaf=3, random_state=0)
    tree.fit(codes[::2, None], target[::2])
    return float(score(target[1::2], tree.predict(codes[1::2, None])))
