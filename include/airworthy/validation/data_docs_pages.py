"""The Data Docs pages of a validation: one for each day that failed, and one for the newest day.

The pages lie beside the lake, named by their content. The run's evidence has a list of them, so
that a run's pages are found without the dataset. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

LIST = "data_docs.json"
"""The name of the list in the run's evidence."""


class DayPage(NamedTuple):
    """The Data Docs page of a day (``2026-01-31``): its path below ``validations``."""

    day: str
    path: str
    success: bool


def list_pages(
    pages: Mapping[str, str | None], results: Iterable[tuple[str, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return a run's pages as JSON values, the newest day first.

    Args:
        pages: Day -> the path of its page below ``validations``; None: it has none.
        results: Pairs of a day and Great Expectations' result as JSON values.
    """
    success = {day: bool(result["success"]) for day, result in results}
    newest = max(success, default=None)
    return [
        DayPage(day, path, success[day])._asdict()
        for day in sorted(success, reverse=True)
        if (path := pages.get(day)) is not None and (day == newest or not success[day])
    ]


def parse_pages(content: bytes) -> list[DayPage]:
    """Return the pages of a list in a run's evidence, the newest day first."""
    return [DayPage(**each) for each in json.loads(content)]
