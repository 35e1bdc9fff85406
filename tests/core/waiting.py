"""Waiting until something is so: on the condition, and not for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_PATIENCE_SECONDS = 60.0


def eventually(what: str, holds: Callable[[], Any]) -> Any:
    """Return the first value of `holds` that is true; fail, saying `what`, when none comes."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"this never came about: {what}")
