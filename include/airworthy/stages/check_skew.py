"""Check skew: the live inputs against the champion's training data."""

from __future__ import annotations

from airworthy.handover import DataCheck, ShiftCheck
from airworthy.job import Job
from airworthy.monitoring.window_checks import check_inputs


def check_skew(job: Job, data_check: DataCheck) -> ShiftCheck:
    """Compare the live window's inputs with the champion's training data.

    Returns:
        The shifts of every column, and whether they matter; or inconclusive, with the reason.

    Raises:
        TerminalError: when the champion's files are not the registered ones.
        TransientError: when the lake or MLflow cannot be reached.
    """
    return check_inputs(job, data_check.window, "skew")
