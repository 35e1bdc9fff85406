"""The trigger of ``airworthy__aliases``: a model server reports an alias that was moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

POLL_SECONDS = 10.0
_QUIET_POLLS = 60
"""The same disagreement starts a run again after this number of polls."""


class MovedAliasTrigger(BaseEventTrigger):
    """Reads the model servers' reports, and fires when one names a moved alias.

    Args:
        poll_seconds: The time between two looks.
    """

    def __init__(self, poll_seconds: float = POLL_SECONDS, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # Airflow has not typed it
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"poll_seconds": self.poll_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire when the reported aliases change to some, and at times while they stay."""
        told: list[str] = []
        polls = 0
        while True:
            await asyncio.sleep(self.poll_seconds)
            polls += 1
            try:
                moved = await asyncio.to_thread(_reported)
            # A store out of reach must not end the watch.
            except Exception as error:
                self.log.warning("the servers' reports cannot be read: %s", error)
                continue
            if moved and (moved != told or polls > _QUIET_POLLS):
                polls = 0
                yield TriggerEvent({"moved": moved})  # type: ignore[no-untyped-call]
            told = moved


def _reported() -> list[str]:
    """Return the moved aliases of all live servers, in words."""
    from datetime import UTC, datetime

    from airworthy.environment import load_environment
    from airworthy.traffic.replica_reports import open_replica_reports

    reports = open_replica_reports(load_environment(), "production")
    now = datetime.now(UTC)
    return sorted(
        {
            f"{moved.model}: {moved.words}"
            for replica in reports.read()
            if replica.is_live(now)
            for model in replica.report.models.values()
            for moved in model.moved_aliases
        }
    )
