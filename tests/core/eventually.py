"""Waiting for a condition, not for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_PATIENCE_SECONDS = 180.0
_Value = TypeVar("_Value")


def eventually(
    condition: str, value: Callable[[], _Value | None], seconds: float = _PATIENCE_SECONDS
) -> _Value:
    """Return the first true value of a function; fail with the condition's name when none comes.

    Args:
        condition: The awaited condition, for the message.
        value: The function.
        seconds: The time after which it fails. A busy machine needs minutes to start processes.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        result = value()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"this never came about: {condition}")
