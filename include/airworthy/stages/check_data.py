"""Check data: the newest live window, and its inputs against the spec's expectations."""

from __future__ import annotations

import logging

from airworthy.handover import DataCheck
from airworthy.job import Job
from airworthy.monitoring.check_results import write_evidence
from airworthy.monitoring.live_expectations import check_expectations
from airworthy.monitoring.live_rows import open_live_rows
from airworthy.monitoring.live_window import find_live_window

log = logging.getLogger("airworthy.monitor")


def check_data(job: Job) -> DataCheck:
    """Run the validate suite's expectations on the live inputs.

    Returns:
        The window, for the later checks, and the result of every expectation. A failed expectation
        raises nothing: a window with drift may well fail one, and its drift is to be measured.

    Raises:
        TerminalError: when Great Expectations cannot build an expectation.
        TransientError: when the lake or MLflow cannot be reached.
    """
    window = find_live_window(job)
    log.info(
        "%s: %d rows of the %s in [%s, %s), champion %s",
        job.spec.model,
        window.rows,
        window.production,
        f"{window.start:%Y-%m-%d %H:%M}",
        f"{window.end:%Y-%m-%d %H:%M}",
        window.champion,
    )
    checks = check_expectations(job, window, open_live_rows(job, window))
    for check in checks:
        if not check.success:
            log.warning("%s: %s(%s): %s", check.severity, check.check, check.column, check.observed)
    success = all(check.success or check.severity == "warning" for check in checks)
    return write_evidence(
        job,
        DataCheck(
            window=window,
            success=success,
            checks=checks,
            evidence=job.evidence.address("data.json"),
        ),
    )
