"""Counts by address what requests under way hold of a server: no client may take all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.protocol.refusals import RefusedError


class AddressBudget:
    """Amounts held by addresses in one process. All of this runs on its event loop."""

    def __init__(self, in_all: int, per_address: int, unit: str) -> None:
        """Start with none.

        Args:
            in_all: The largest amount.
            per_address: The largest amount of one address.
            unit: What is counted, in the plural, for refusals.
        """
        self._in_all = in_all
        self._per_address = per_address
        self._unit = unit
        self._held = 0
        self._by_address: dict[str, int] = {}

    @contextmanager
    def holding(self, address: str, amount: int = 0) -> Iterator[Held]:
        """Hold an amount until the block ends.

        Raises:
            RefusedError: 429 when the address, or 503 when the server has too much under way.
        """
        held = Held(self, address)
        try:
            held.add(amount)
            yield held
        finally:
            self._give_back(address, held.amount)

    def take(self, address: str, amount: int) -> None:
        """Add to the amount of an address; see `holding`."""
        of_address = self._by_address.get(address, 0) + amount
        if of_address > self._per_address:
            raise self._refusal(429, "this client has", self._per_address)
        if self._held + amount > self._in_all:
            raise self._refusal(503, "this server has", self._in_all)
        self._held += amount
        self._by_address[address] = of_address

    def _give_back(self, address: str, amount: int) -> None:
        self._held -= amount
        rest = self._by_address.get(address, 0) - amount
        if rest > 0:
            self._by_address[address] = rest
        else:
            self._by_address.pop(address, None)

    def _refusal(self, status: int, who: str, limit: int) -> RefusedError:
        return RefusedError(
            status,
            f"{who} too many {self._unit} under way",
            received=f"more than {limit} {self._unit} at once",
            allowed=f"at most {limit} {self._unit} at once",
            next_step="send the request again in a moment",
        )


class Held:
    """The amount that one request holds."""

    def __init__(self, budget: AddressBudget, address: str) -> None:
        """Start with none."""
        self.amount = 0
        self._budget = budget
        self._address = address

    def add(self, amount: int) -> None:
        """Hold more; see `AddressBudget.holding`."""
        self._budget.take(self._address, amount)
        self.amount += amount
