"""Schedules of a model's DAGs: cron expressions, checked as Airflow reads them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from airworthy.spec.fields import Violation, violation_error

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_ALLOWED = (
    "five fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12, "
    "day of week 0-6 or sun-sat; "
    f"{', '.join(PRESETS)}; or null"
)


# Parsing a cron expression takes a tenth of a spec's loading time, and many models share one.
@lru_cache(maxsize=256)
def check_schedule(value: str) -> str:
    """Return a valid schedule unchanged: a cron expression of five fields, or one of `PRESETS`.

    >>> check_schedule("0 2 * * *")
    '0 2 * * *'

    Raises:
        ValueError: when it is neither, or when its time never comes, such as 30 February.
    """
    if value in PRESETS:
        return value
    from croniter import CroniterBadDateError, CroniterError, croniter  # type: ignore[import-untyped]  # as Airflow does

    problem = "this is not a cron expression"
    try:
        if len(value.split()) == 5:
            croniter(value, datetime(2025, 1, 1)).get_next()
            return value
        problem += f" of five fields, it has {len(value.split())}"
    except CroniterBadDateError:
        problem = "this time never comes"
    except (CroniterError, ValueError, KeyError, IndexError, AttributeError) as error:
        problem += f": {error}"
    raise violation_error(Violation((), problem, value, _ALLOWED))


Schedule = Annotated[str, AfterValidator(check_schedule)]
