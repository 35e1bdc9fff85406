"""When a model's DAG runs by itself: cron expressions, checked as Airflow will read them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from airworthy.spec.fields import Wrong, rejection

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_ALLOWED = (
    "five fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12, day of week 0-6 or sun-sat; "
    f"{', '.join(PRESETS)}; or null"
)


# Reading a cron expression takes a tenth of a spec's time, and many models run at the same hour.
@lru_cache(maxsize=256)
def check_schedule(value: str) -> str:
    """Return a cron expression of five fields, or one of `PRESETS`, as it is.

    Raises:
        ValueError: when it is neither, or names a time that never comes, such as 30 February.
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
    raise rejection(Wrong((), problem, value, _ALLOWED))


Schedule = Annotated[str, AfterValidator(check_schedule)]
