"""The callback of a long computation that reports its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# Its arguments: how much is done, of how much, and a text on what is done now.
Progress: TypeAlias = Callable[[int, int, str], None]
