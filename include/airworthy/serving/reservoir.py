"""A uniform sample of a stream of unknown length."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Reservoir(Generic[Value]):
    """A sample of at most `size` of all added values. Each has the same chance.

    This is algorithm L (Li, 1994). A full reservoir knows the index of the next value to keep, so a
    request of many rows costs no more than one of few.

    Attributes:
        values: The sample.
        count: The number of added values.
    """

    def __init__(self, size: int, seed: int | None = None) -> None:
        """Start empty. A seed makes the draws repeatable."""
        self.values: list[Value] = []
        self.count = 0
        self._size = size
        # The draws of a sample are no secrets.
        self._random = random.Random(seed)  # noqa: S311
        self._weight = 1.0
        self._next = size - 1
        self._draw_next()

    def extend(self, values: Sequence[Value]) -> None:
        """Add values, in order."""
        start = self.count
        self.count += len(values)
        if start < self._size:
            self.values.extend(values[: self._size - start])
        while self._next < self.count:
            self.values[self._random.randrange(self._size)] = values[self._next - start]
            self._draw_next()

    def _draw_next(self) -> None:
        self._weight *= math.exp(math.log(1.0 - self._random.random()) / self._size)
        skipped = math.log(1.0 - self._random.random()) / math.log1p(-self._weight)
        self._next += math.floor(skipped) + 1
