"""Check performance: the champion's errors on labels that have arrived, against what its holdout promised."""

from __future__ import annotations

from airworthy.handover import DataCheck, PerformanceCheck
from airworthy.job import Job
from airworthy.monitoring.window_checks import check_labels


def check_performance(job: Job, data_check: DataCheck) -> PerformanceCheck:
    """Score the newest window whose labels are known.

    Returns:
        The champion's metrics there, whether they are worse than promised, and whether the labels have shifted;
        inconclusive, with the reason, when that cannot be said.

    Raises:
        TerminalError: when the champion's files are not those that were registered.
        TransientError: when the lake or MLflow cannot be reached.
    """
    return check_labels(job, data_check.window)
