"""A uniform sample of values whose number nobody knows before."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Reservoir(Generic[Value]):
    """At most `size` of all values that were added, each of them with the same chance.

    This is algorithm L (Li, 1994): once it is full it knows which of the coming values is the next to be kept, so a
    request of many rows costs no more than one of few.
    """

    def __init__(self, size: int, seed: int | None = None) -> None:
        """Start empty; a seed makes the draws repeatable."""
        self.values: list[Value] = []
        self.seen = 0
        self._size = size
        # Not for secrets: a sample's draw.
        self._random = random.Random(seed)  # noqa: S311
        self._weight = 1.0
        self._next = size - 1
        self._draw_next()

    def extend(self, values: Sequence[Value]) -> None:
        """Add values, in order."""
        start = self.seen
        self.seen += len(values)
        if start < self._size:
            self.values.extend(values[: self._size - start])
        while self._next < self.seen:
            self.values[self._random.randrange(self._size)] = values[self._next - start]
            self._draw_next()

    def _draw_next(self) -> None:
        self._weight *= math.exp(math.log(1.0 - self._random.random()) / self._size)
        skipped = math.log(1.0 - self._random.random()) / math.log1p(-self._weight)
        self._next += math.floor(skipped) + 1
