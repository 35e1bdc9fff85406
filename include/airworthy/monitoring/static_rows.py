"""Static rows have no time: nothing can be compared over time."""

from __future__ import annotations

from airworthy.errors import TerminalError
from airworthy.spec import ModelSpec

NO_TIME = "the rows have no time (ingest.static), so no drift can be seen"


def require_time(spec: ModelSpec, command: str) -> None:
    """Refuse a command that replays days of a model.

    Args:
        spec: The model's spec.
        command: The command, for the error.

    Raises:
        TerminalError: when its rows are static.
    """
    if spec.ingest.static:
        raise TerminalError(
            f"airworthy {command} replays past days, and the rows of this model have no time",
            model=spec.model,
            received="ingest.static: true",
            allowed="a model whose rows have an event time",
            next_step="name the column with the time of a row in ingest.event_time, if there is "
            "one, and delete ingest.static",
        )
