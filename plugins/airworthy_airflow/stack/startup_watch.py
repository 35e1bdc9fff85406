"""Watches a start: how long nothing has moved, by the states and the logs of the waiting parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path


class StartupWatch:
    """The time since the last sign of progress. A slow machine that still works is no stall."""

    def __init__(self, logs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a sign of progress.

        Args:
            logs: The folder with a log file for each part.
            clock: Returns the time in seconds.
        """
        self._logs = logs
        self._clock = clock
        self._last: dict[str, tuple[str, int]] = {}
        self._moved_at = clock()

    def stalled_seconds(self, waiting: Mapping[str, str]) -> float:
        """Return the time in seconds since a waiting part moved.

        `waiting` are the states of the parts that are not healthy yet. Healthy parts write logs,
        too: theirs count for nothing.
        """
        signs = {part: (state, self._log_bytes(part)) for part, state in waiting.items()}
        if signs != self._last:
            self._last, self._moved_at = signs, self._clock()
        return self._clock() - self._moved_at

    def _log_bytes(self, part: str) -> int:
        try:
            return (self._logs / f"{part}.log").stat().st_size
        except OSError:
            return 0
