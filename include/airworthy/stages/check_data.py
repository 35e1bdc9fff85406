"""Check data: find the newest window of production, and see whether its inputs are what the spec expects."""

from __future__ import annotations

import logging

from airworthy.handover import DataCheck
from airworthy.job import Job
from airworthy.monitoring.check_evidence import keep
from airworthy.monitoring.live_expectations import check_expectations
from airworthy.monitoring.live_rows import open_production
from airworthy.monitoring.live_window import find_live_window

log = logging.getLogger("airworthy.monitor")


def check_data(job: Job) -> DataCheck:
    """Run the validate suite's expectations on the live inputs.

    Returns:
        The window, for the checks that follow, and every expectation's result. A failure is in it, and raises
        nothing: what drifts may well break an expectation, and is looked at all the same.

    Raises:
        TerminalError: when Great Expectations cannot build an expectation.
        TransientError: when the lake or MLflow cannot be reached.
    """
    live = find_live_window(job)
    log.info(
        "%s: %d rows of the %s in [%s, %s), champion %s",
        job.spec.model,
        live.rows,
        live.production,
        f"{live.start:%Y-%m-%d %H:%M}",
        f"{live.end:%Y-%m-%d %H:%M}",
        live.champion,
    )
    checks = check_expectations(job, live, open_production(job, live))
    for check in checks:
        if not check.success:
            log.warning("%s: %s(%s): %s", check.severity, check.check, check.column, check.observed)
    success = all(check.success or check.severity == "warning" for check in checks)
    return keep(
        DataCheck(
            window=live, success=success, checks=checks, evidence=str(job.evidence / "data.json")
        )
    )
