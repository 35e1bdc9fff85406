"""Check performance: the champion's loss on labelled live rows, against its holdout."""

from __future__ import annotations

from airworthy.handover import DataCheck, PerformanceCheck
from airworthy.job import Job
from airworthy.monitoring.window_checks import check_labels


def check_performance(job: Job, data_check: DataCheck) -> PerformanceCheck:
    """Score the newest window with known labels.

    Returns:
        The champion's metrics there, whether they are worse than on its holdout, and whether the
        labels have shifted; or inconclusive, with the reason.

    Raises:
        TerminalError: when the champion's files are not the registered ones.
        TransientError: when the lake or MLflow cannot be reached.
    """
    return check_labels(job, data_check.window)
