"""The open connections of one server, by address.

At a limit a new connection takes the place of one that the server waits for: first of one that has
asked nothing yet, or sends its request slowly, then of an idle one. A connection whose request is
being answered never gives way.
"""

from __future__ import annotations

from typing import Protocol

OPENING, IDLE, BUSY = "opening", "idle", "busy"


class Connection(Protocol):
    """An open connection of a client."""

    @property
    def address(self) -> str:
        """The client's IP address."""

    @property
    def state(self) -> str:
        """`OPENING`: it asks nothing, or has not sent its whole request; `IDLE`; or `BUSY`."""

    def give_way(self) -> None:
        """Close at once."""


class ConnectionTable:
    """The connections of one process. All of this runs on its event loop."""

    def __init__(self, in_all: int, per_address: int) -> None:
        """Start with none.

        Args:
            in_all: The largest number of connections.
            per_address: The largest number of one address.
        """
        self._in_all = in_all
        self._per_address = per_address
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._count = 0

    def add(self, connection: Connection) -> bool:
        """Take a connection; tell whether there is room for it."""
        address = connection.address
        if len(self._by_address.get(address, ())) >= self._per_address:
            if not self._make_room(address):
                return False
        elif self._count >= self._in_all and not self._make_room(self._largest()):
            return False
        self._by_address.setdefault(address, {})[connection] = None
        self._count += 1
        return True

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended, if it is there."""
        of_address = self._by_address.get(connection.address)
        if of_address is None or connection not in of_address:
            return
        del of_address[connection]
        self._count -= 1
        if not of_address:
            del self._by_address[connection.address]

    def _largest(self) -> str:
        return max(self._by_address, key=lambda address: len(self._by_address[address]))

    def _make_room(self, address: str) -> bool:
        """Close one connection of an address: the oldest one that the server waits for."""
        connections = self._by_address[address]
        for wanted in (OPENING, IDLE):
            for connection in connections:
                if connection.state == wanted:
                    self.remove(connection)
                    connection.give_way()
                    return True
        return False
