"""Check drift: the live inputs against recent live rows."""

from __future__ import annotations

from airworthy.handover import DataCheck, ShiftCheck
from airworthy.job import Job
from airworthy.monitoring.window_checks import check_inputs


def check_drift(job: Job, data_check: DataCheck) -> ShiftCheck:
    """Compare the live window's inputs with recent live rows.

    Returns:
        The shifts of every column, and whether they matter; or inconclusive, with the reason.

    Raises:
        TerminalError: when the champion's files are not the registered ones.
        TransientError: when the lake or MLflow cannot be reached.
    """
    return check_inputs(job, data_check.window, "drift")
