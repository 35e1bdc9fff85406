"""The size of the spool: it is measured, and bounded.

The collector empties the spool. Where none runs, or clients send more than it takes, the spool ends
at its limit and not at a full disk. Answers are still given then; they are not logged, which is
counted and told.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

NEAR = 0.8
"""The share of the limit from which on it is told."""


class SpoolQuota:
    """The bytes of all segments below a folder, of all processes of this machine."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Start without a measurement.

        Args:
            folder: The spool's folder.
            limit: The largest number of bytes.
        """
        self.limit = limit
        self.used = 0
        self._folder = folder
        self._is_near = False

    def take(self, size: int) -> None:
        """Count a record that is about to be written.

        Raises:
            OSError: when there is no room for it. Nothing is counted then.
        """
        if self.used + size > self.limit:
            raise OSError(
                f"the spool has its limit of {self.limit} bytes: is the collector running? "
                "(server.limits.spool_bytes)"
            )
        self.used += size

    def measure(self) -> int:
        """Return the size of the spool in bytes, read from the disk. Tell when it is near its end."""
        self.used = _size_of(str(self._folder))
        is_near = self.used > NEAR * self.limit
        if is_near and not self._is_near:
            log.warning(
                "the spool %s has %d of %d bytes; beyond them answers are not logged",
                self._folder,
                self.used,
                self.limit,
            )
        self._is_near = is_near
        return self.used


def _size_of(folder: str) -> int:
    """Return the size of all files below a folder. Files may vanish meanwhile."""
    size = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                size += _size_of(entry.path) if entry.is_dir() else entry.stat().st_size
    except OSError:
        return size
    return size
