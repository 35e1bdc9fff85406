"""The change of the simulated source in the second act. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airworthy.days import midnight
from airworthy.errors import TerminalError
from airworthy.handover import Window
from airworthy.spec import ModelSpec
from airworthy.spec.sources_part import SimulatorSource

WEEK = timedelta(weeks=1)
MOST_WEEKS = 3
"""The monitor checks this many weeks after the change. Then the act gives up."""


def find_change(spec: ModelSpec, champion_as_of: datetime | None, today: date) -> date:
    """Return the first day of the next change that the champion has not seen, with a week before it.

    A repeated act goes on in time. An interrupted act is played again.

    Args:
        spec: The model's spec, with a simulated source.
        champion_as_of: The end of the champion's training data; None without a champion.
        today: The current UTC day. Runs see only days before it.

    Raises:
        TerminalError: when the source does not change any more before today.
    """
    source, first = spec.ingest.source, spec.start + spec.train.lookback
    seen = champion_as_of.astimezone(UTC).date() if champion_as_of is not None else first
    change = source.next_change(seen + WEEK) if isinstance(source, SimulatorSource) else None
    if change is None or change + (MOST_WEEKS + 1) * WEEK > today:
        raise TerminalError(
            "the model's world does not change any more before today",
            model=spec.model,
            received=f"drift_from {getattr(source, 'drift_from', None)}; the champion has seen the days before {seen}",
            allowed=f"a simulated source, and a change {MOST_WEEKS + 1} weeks before {today} at the latest",
            next_step="make clean, then: make demo",
        )
    return change


def week_from(day: date) -> Window:
    """Return the seven days from a day on."""
    return Window.ending(midnight(day) + WEEK, WEEK)
