"""Check requests: rows of requests outside the contract, since the last look at the servers."""

from __future__ import annotations

import logging

from airworthy.handover import RequestCheck
from airworthy.job import Job
from airworthy.monitoring.request_contract import check_request_contract

log = logging.getLogger("airworthy.monitor")


def check_requests(job: Job) -> RequestCheck:
    """Count the rows of requests, and those outside the contract, since the look of the run before.

    Raises:
        TransientError: when the object store cannot be reached.
    """
    check = check_request_contract(job)
    log.info("%s: %s", check.model, check.text)
    return check
