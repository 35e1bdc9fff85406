"""Merges the arms of several model servers: one version's requests in one step. Pure.

A server counts its own requests, and keeps uniform samples of them. In the merged samples each
server weighs as much as its requests.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

from airworthy.handover import ArmFigures
from airworthy.release.guard import Arm
from airworthy.traffic.replica_report import ArmReport

_Value = TypeVar("_Value")


def merge_arms(version: str, reports: Sequence[ArmReport]) -> Arm:
    """Return one arm of all servers' requests; without reports, an arm without requests.

    Counts are sums. The loss has the mean and the standard deviation of all labels.

    Args:
        version: The arm's version.
        reports: The arm in each server.
    """
    parts = [report.figures for report in reports]
    latencies = [
        (report.seconds, report.figures.requests - report.figures.errors) for report in reports
    ]
    labels, mean_loss, loss_sd = _merged_loss(parts)
    figures = ArmFigures(
        version=version,
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        rows=sum(part.rows for part in parts),
        p50_ms=_percentile_ms(latencies, 0.50),
        p99_ms=_percentile_ms(latencies, 0.99),
        labels=labels,
        mean_loss=mean_loss,
        loss_sd=loss_sd,
        refused=sum(part.refused for part in parts),
    )
    samples = [(report.predictions, report.figures.rows) for report in reports]
    return Arm(figures, _merged_sample(samples), _merged_sample(latencies))


def _merged_loss(parts: Iterable[ArmFigures]) -> tuple[int, float | None, float | None]:
    """Return number, mean and standard deviation of the losses of all parts.

    This is the parallel formula of Chan, Golub and LeVeque: sums of squares would lose losses that
    are small beside the mean.
    """
    labels, mean, squares = 0, 0.0, 0.0
    for part in parts:
        if part.mean_loss is None or not part.labels:
            continue
        both, difference = labels + part.labels, part.mean_loss - mean
        squares += (part.loss_sd or 0.0) ** 2 * (part.labels - 1)
        squares += difference**2 * labels * part.labels / both
        mean += difference * part.labels / both
        labels = both
    deviation = math.sqrt(squares / (labels - 1)) if labels > 1 else None
    return labels, mean if labels else None, deviation


def _percentile_ms(samples: Iterable[tuple[list[float], int]], share: float) -> float | None:
    """Return a percentile in milliseconds of samples of seconds, each with its requests."""
    weighted = sorted(
        (value, max(count, len(sample)) / len(sample))
        for sample, count in samples
        for value in sample
    )
    if not weighted:
        return None
    # A share falls on a limit exactly in exact numbers only.
    limit = share * math.fsum(weight for _, weight in weighted) * (1 + 1e-12)
    passed = 0.0
    for value, weight in weighted:
        passed += weight
        if passed > limit:
            return value * 1e3
    return weighted[-1][0] * 1e3


def _merged_sample(samples: Iterable[tuple[list[_Value], int]]) -> list[_Value]:
    """Return a sample of all values: the same share of each server's values, drawn at random.

    Args:
        samples: Each server's sample, with the number of values that it was drawn from.
    """
    drawn = [(sample, max(count, len(sample))) for sample, count in samples if sample]
    share = min((len(sample) / count for sample, count in drawn), default=0.0)
    # The same reports always give the same sample. The draws are no secrets.
    generator = random.Random(0)  # noqa: S311
    merged: list[_Value] = []
    for sample, count in drawn:
        merged += generator.sample(sample, min(len(sample), round(share * count)))
    return merged
