"""The population stability index of predictions: the distance of two samples. Pure.

It is sum((a - e) * ln(a / e)) over bins. Here e is the expected and a the actual share of a bin
(Siddiqi 2006, Credit Risk Scorecards, chapter 8). Missing values have a bin of their own. The two
samples are of one time, so no season can part them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from airworthy.arrays import Array

_BINS = 10
_MIN_SHARE = 1e-4  # an empty bin would make the index infinite


def stability_index(
    expected: Sequence[float | None], actual: Sequence[float | None], classes: bool
) -> float:
    """Return the index of two samples, each with at least one value.

    Args:
        expected: Numbers or class codes; None and NaN: missing.
        actual: As `expected`.
        classes: True for class codes: each has a bin. Numbers are binned by the tenths of the
            expected ones.
    """
    first, second = (np.array(values, dtype=float) for values in (expected, actual))
    present = first[~np.isnan(first)]
    edges = _edges(present, classes)
    shares = [np.maximum(_shares(values, edges), _MIN_SHARE) for values in (first, second)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _edges(present: Array, classes: bool) -> Array:
    """Return the inner edges, ascending: a bin ends with its upper edge."""
    if classes:
        codes = np.unique(present)
        # Each expected code has a bin of its own; the codes beyond and between share theirs.
        return np.asarray(np.unique([*(codes - 0.5), *(codes + 0.5)]))
    if not present.size:
        return present
    return np.unique(np.quantile(present, np.arange(1, _BINS) / _BINS, method="lower"))


def _shares(values: Array, edges: Array) -> Array:
    """Return the share of each bin; missing values come last."""
    missing = np.isnan(values)
    bins = np.searchsorted(edges, values[~missing], side="left")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    return np.asarray(np.append(counts, missing.sum()) / len(values))
