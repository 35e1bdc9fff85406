"""Effects: the distance of a column between two summaries, and the distance expected by chance.

Numbers: `distance` is the Wasserstein distance in standard deviations of the training data;
`spread` is the difference of the logarithms of the standard deviations. Categories: `distance` is
the Jensen-Shannon distance (natural logarithm); `new` is the rise of the share of values unknown
to the training data. Both: `missing` is the change of the share of missing values. Every effect is
0 without a change, and never negative.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from airworthy.arrays import Array
from airworthy.monitoring.bins import ColumnBins, NumberBins
from airworthy.monitoring.window_summary import ColumnSummary

# For a nearly constant column. In standard deviations of the training data.
_MIN_DEVIATION = 1e-3


class Effect(NamedTuple):
    """The size of one aspect's change, and `noise`: its expected square from sampling alone."""

    size: float
    noise: float


def effects(live: ColumnSummary, reference: ColumnSummary, bins: ColumnBins) -> dict[str, Effect]:
    """Return aspect -> effect of one column.

    An aspect without values on either side is left out.

    Args:
        live: Summary of the live rows.
        reference: Summary of the reference rows.
        bins: The bins of both summaries.
    """
    if not live.rows or not reference.rows:
        return {}
    missing = _share_change(live.missing, live.rows, reference.missing, reference.rows)
    if not live.present or not reference.present:
        return {"missing": missing}
    if isinstance(bins, NumberBins):
        distance, spread = _wasserstein(live, reference, bins), _spread(live, reference)
        return {"distance": distance, "spread": spread, "missing": missing}
    return {
        "distance": _jensen_shannon(live, reference),
        "new": _rise_of_new_values(live, reference),
        "missing": missing,
    }


def _rise_of_new_values(live: ColumnSummary, reference: ColumnSummary) -> Effect:
    new, reference_new = live.counts[-1], reference.counts[-1]
    change = _share_change(new, live.present, reference_new, reference.present)
    rose = new / live.present > reference_new / reference.present
    return change if rose else Effect(0.0, change.noise)


def _share_change(count: float, rows: float, reference: float, reference_rows: float) -> Effect:
    pooled = (count + reference) / (rows + reference_rows)
    noise = pooled * (1 - pooled) * (1 / rows + 1 / reference_rows)
    return Effect(abs(count / rows - reference / reference_rows), noise)


def _wasserstein(live: ColumnSummary, reference: ColumnSummary, bins: NumberBins) -> Effect:
    """Integrate the distance of the two distribution functions.

    The integral is exact in every bin in which they do not cross.
    """
    edges = (np.array(bins.edges) - bins.centre) / bins.scale
    size = np.abs(_areas(live, edges)[0] - _areas(reference, edges)[0]).sum()
    _, variances = _areas(live + reference, edges)
    # An area is a mean over rows. By Minkowski, the root mean square of the sum is at most the sum
    # of the deviations.
    noise = np.sqrt(variances).sum() ** 2 * (1 / live.present + 1 / reference.present)
    return Effect(float(size), float(noise))


def _areas(summary: ColumnSummary, edges: Array) -> tuple[Array, Array]:
    """Return the integral of the distribution function over each bin, and its variance per row."""
    width, end = np.diff(edges), edges[1:]
    shares, means, squares = (
        sums / summary.present for sums in (summary.counts, summary.sums, summary.squares)
    )
    below = np.cumsum(shares) - shares
    areas = below * width + end * shares - means
    mean_squares = below * width**2 + end**2 * shares - 2 * end * means + squares
    return areas, np.clip(mean_squares - areas**2, 0.0, None)


def _spread(live: ColumnSummary, reference: ColumnSummary) -> Effect:
    live_deviation, _ = _deviation_and_kurtosis(live)
    deviation, kurtosis = _deviation_and_kurtosis(reference)
    noise = (kurtosis - 1) / 4 * (1 / live.present + 1 / reference.present)
    return Effect(abs(float(np.log(live_deviation / deviation))), noise)


def _deviation_and_kurtosis(summary: ColumnSummary) -> tuple[float, float]:
    """Return standard deviation and kurtosis, from the raw moments."""
    sums = (summary.sums.sum(), summary.squares.sum(), *summary.higher)
    m1, m2, m3, m4 = (float(each) / summary.present for each in sums)
    variance = max(m2 - m1 * m1, _MIN_DEVIATION**2)
    fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
    return float(np.sqrt(variance)), max(fourth / variance**2, 1.0)


def _jensen_shannon(live: ColumnSummary, reference: ColumnSummary) -> Effect:
    p, q = live.counts / live.present, reference.counts / reference.present
    mixture = (p + q) / 2
    occurs = mixture > 0
    p, q, mixture = p[occurs], q[occurs], mixture[occurs]
    divergence = (_relative_entropy(p, mixture) + _relative_entropy(q, mixture)) / 2
    # A small divergence is a chi-square statistic, divided by 8 and by the number of rows.
    noise = (int(occurs.sum()) - 1) * (1 / live.present + 1 / reference.present) / 8
    return Effect(float(np.sqrt(max(divergence, 0.0))), noise)


def _relative_entropy(shares: Array, mixture: Array) -> float:
    """Return the relative entropy of shares. A share of 0 adds nothing."""
    ratio = np.where(shares > 0, shares / mixture, 1.0)
    return float((shares * np.log(ratio)).sum())
