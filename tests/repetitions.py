"""The number of times that a test of a race repeats it."""

from __future__ import annotations

import os

THOROUGH = "AIRWORTHY_THOROUGH_TESTS"


def repetitions(usual: int, thorough: int) -> int:
    """Return `usual`, or `thorough` in ``make test-thorough``."""
    return thorough if os.environ.get(THOROUGH) else usual
