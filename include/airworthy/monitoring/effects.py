"""How far a column has moved from one summary to another, and how far chance alone would move it.

Numbers: `distance` is the Wasserstein distance in standard deviations of the training data, `spread` the difference of
the logarithms of the standard deviations. Categories: `distance` is the Jensen-Shannon distance (natural logarithm),
`new` the rise of the share of values that the training data did not have. Both: `missing`, the change of the share of
missing values. All are 0 when nothing moved, and grow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from airworthy.arrays import Array
from airworthy.monitoring.bins import ColumnBins, NumberBins
from airworthy.monitoring.window_summary import ColumnSummary

_LEAST_SPREAD = (
    1e-3  # of a column that is all but constant, in standard deviations of the training data
)


class Effect(NamedTuple):
    """How far one aspect has moved; `noise` is the mean square of what sampling alone would give."""

    size: float
    noise: float


def effects(live: ColumnSummary, reference: ColumnSummary, bins: ColumnBins) -> dict[str, Effect]:
    """Return aspect -> effect of one column; both summaries were made with `bins`.

    An aspect that cannot be measured, for want of values on either side, is left out.
    """
    if not live.rows or not reference.rows:
        return {}
    found = {"missing": _share(live.missing, live.rows, reference.missing, reference.rows)}
    if not live.present or not reference.present:
        return found
    if isinstance(bins, NumberBins):
        return {
            "distance": _wasserstein(live, reference, bins),
            "spread": _spread(live, reference),
            **found,
        }
    new = _share(live.counts[-1], live.present, reference.counts[-1], reference.present)
    rose = live.counts[-1] / live.present > reference.counts[-1] / reference.present
    return {
        "distance": _jensen_shannon(live, reference),
        "new": new if rose else Effect(0.0, new.noise),
        **found,
    }


def _share(count: float, rows: float, reference: float, reference_rows: float) -> Effect:
    pooled = (count + reference) / (rows + reference_rows)
    noise = pooled * (1 - pooled) * (1 / rows + 1 / reference_rows)
    return Effect(abs(count / rows - reference / reference_rows), noise)


def _wasserstein(live: ColumnSummary, reference: ColumnSummary, bins: NumberBins) -> Effect:
    """Integrate the distance of the distribution functions, exactly where they do not cross within a bin."""
    edges = (np.array(bins.edges) - bins.centre) / bins.scale
    size = np.abs(_areas(live, edges)[0] - _areas(reference, edges)[0]).sum()
    _, variances = _areas(live + reference, edges)
    # An area is a mean over rows. By Minkowski, the root mean square of the sum is at most the sum of the deviations.
    noise = np.sqrt(variances).sum() ** 2 * (1 / live.present + 1 / reference.present)
    return Effect(float(size), float(noise))


def _areas(summary: ColumnSummary, edges: Array) -> tuple[Array, Array]:
    """Return the integral of the distribution function over each bin, and its variance for one row."""
    width, end = np.diff(edges), edges[1:]
    shares, means, squares = (
        each / summary.present for each in (summary.counts, summary.sums, summary.squares)
    )
    below = np.cumsum(shares) - shares
    areas = below * width + end * shares - means
    mean_squares = below * width**2 + end**2 * shares - 2 * end * means + squares
    return areas, np.clip(mean_squares - areas**2, 0.0, None)


def _spread(live: ColumnSummary, reference: ColumnSummary) -> Effect:
    deviation, _ = _deviation(live)
    known, kurtosis = _deviation(reference)
    noise = (kurtosis - 1) / 4 * (1 / live.present + 1 / reference.present)
    return Effect(abs(float(np.log(deviation / known))), noise)


def _deviation(summary: ColumnSummary) -> tuple[float, float]:
    """Return standard deviation and kurtosis, from the raw moments."""
    powers = (summary.sums.sum(), summary.squares.sum(), *summary.higher)
    m1, m2, m3, m4 = (float(power) / summary.present for power in powers)
    variance = max(m2 - m1 * m1, _LEAST_SPREAD**2)
    fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
    return float(np.sqrt(variance)), max(fourth / variance**2, 1.0)


def _jensen_shannon(live: ColumnSummary, reference: ColumnSummary) -> Effect:
    p, q = live.counts / live.present, reference.counts / reference.present
    middle = (p + q) / 2
    known = middle > 0
    divergence = (_entropy(p[known], middle[known]) + _entropy(q[known], middle[known])) / 2
    # For small differences the divergence is a chi-square statistic, divided by 8 and the number of rows.
    noise = (int(known.sum()) - 1) * (1 / live.present + 1 / reference.present) / 8
    return Effect(float(np.sqrt(max(divergence, 0.0))), noise)


def _entropy(shares: Array, middle: Array) -> float:
    """Return the relative entropy of shares; what does not occur adds nothing."""
    ratio = np.where(shares > 0, shares / middle, 1.0)
    return float((shares * np.log(ratio)).sum())
