"""The end of a model's data, as a spec declares it."""

from __future__ import annotations

from datetime import date, timedelta

from airworthy.spec.model_spec import ModelSpec


def data_end(spec: ModelSpec, today: date) -> date:
    """Return the exclusive end of the newest complete data: today, or the day after ``end``.

    Args:
        spec: The model's spec.
        today: The UTC day.
    """
    return today if spec.end is None else min(today, spec.end + timedelta(days=1))
