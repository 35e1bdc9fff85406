"""The line of a model's quality: live windows with labels, and holdouts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from airworthy.ledger import Entry
from airworthy.ledger.events import RetrainingDecision, VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.version_numbers import registrations
from airworthy.model_status.model_history import QualityPoint
from airworthy.model_status.run_evidence import RunEvidence
from airworthy.model_status.trainings import Trainings


def quality_points(
    metric: str | None, entries: Sequence[Entry], trainings: Trainings, evidence: RunEvidence
) -> list[QualityPoint]:
    """Return the points of one metric by the end of their data.

    Args:
        metric: The metric; None: there are no points.
        entries: The ledger, oldest first.
        trainings: The records of the trainings.
        evidence: The evidence of the runs.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    if metric is None:
        return []
    points = [*_live(metric, entries, evidence), *_holdouts(metric, entries, trainings)]
    return sorted(points, key=lambda point: (point.end, point.entry, point.version))


def _live(metric: str, entries: Sequence[Entry], evidence: RunEvidence) -> Iterator[QualityPoint]:
    """Yield each window's figure once: of several looks at a window, the last one counts."""
    measured = [
        each
        for each in of_kind(entries, RetrainingDecision)
        if each.event.decision.signals.get("loss", "inconclusive") != "inconclusive"
    ]
    points: dict[tuple[str, str], QualityPoint] = {}
    for entry, check in zip(measured, evidence.performances(measured), strict=True):
        champion = entry.event.decision.champion
        if check is None or champion is None:
            continue
        value = check.metrics.get(metric, check.value if metric == check.metric else None)
        if value is None or not math.isfinite(value):
            continue
        start, end = check.start.isoformat(), check.end.isoformat()
        points[end, champion] = QualityPoint(
            start, end, champion, metric, value, entry.sequence, "live"
        )
    yield from points.values()


def _holdouts(
    metric: str, entries: Sequence[Entry], trainings: Trainings
) -> Iterator[QualityPoint]:
    """Yield the challenger's and the champion's figure on the holdout of each verdict."""
    registered = {each.event.mlflow_run_id: each.event for each in registrations(entries)}
    for entry in of_kind(entries, VerdictReached):
        run, champion = entry.event.mlflow_run_id, entry.event.champion
        registration = registered.get(run)
        split = trainings.splits.get(run or "")
        roles = trainings.benchmarks.get((run or "", champion), {})
        versions = {
            "challenger": registration.version if registration else None,
            "champion": champion,
        }
        end = split.end if split else registration.as_of if registration else None
        if end is None:
            continue
        for role, version in versions.items():
            value = roles.get(role, {}).get(metric)
            if version is None or value is None or not math.isfinite(value):
                continue
            start = split.holdout_start.isoformat() if split else None
            yield QualityPoint(
                start, end.isoformat(), version, metric, value, entry.sequence, "holdout"
            )
