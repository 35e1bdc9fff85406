"""Check age: the champion's age and the data's delay, against the spec's limits."""

from __future__ import annotations

import logging
from datetime import date, datetime

from airworthy.days import DAY, midnight
from airworthy.handover import AgeCheck
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import AS_OF
from airworthy.traffic.current_traffic import current_champion

log = logging.getLogger("airworthy.monitor")


def check_age(job: Job) -> AgeCheck:
    """Measure the champion's age and the data's delay at the run's `as_of`.

    The champion's age counts from the end of its training data, and not from its promotion: a
    version that was rolled back to is not young. The delay counts from the end of the newest UTC
    day with rows.

    Raises:
        TerminalError: when the champion was not registered by Airworthy.
        TransientError: when the lake, the ledger or MLflow cannot be reached.
    """
    champion, champion_as_of = _champion(job)
    check = AgeCheck(
        model=job.spec.model,
        as_of=job.run.as_of,
        champion=champion,
        champion_as_of=champion_as_of,
        champion_max_age=job.spec.alerts.champion_max_age,
        data_until=_newest_day_end(job),
        data_max_delay=job.spec.alerts.data_max_delay,
    )
    log.info("%s: %s; %s", check.model, check.champion_age_text, check.data_delay_text)
    return check


def _champion(job: Job) -> tuple[str | None, datetime | None]:
    model = job.spec.model
    champion = current_champion(job.environment, model)
    if champion is None:
        return None, None
    registry = open_registry(job.environment)
    return champion, datetime.fromisoformat(registry.tag(registry.version(model, champion), AS_OF))


def _newest_day_end(job: Job) -> datetime:
    """Return the end of the newest day with rows before `as_of`; else the start of the data."""
    records = open_lake(job.environment, job.spec.model).partitions()
    ends = [
        midnight(date.fromisoformat(day)) + DAY for day, record in records.items() if record.rows
    ]
    return max((end for end in ends if end <= job.run.as_of), default=midnight(job.spec.start))
