"""Orders to go back that a person gave to this server, without the ledger.

An order holds until the ledger has it and the server has seen that. It is on the server's own disk,
so it holds after a restart and for the other workers of the port.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from airworthy.serving.reserved_file import ReservedFile
from airworthy.traffic.traffic_state import ServedVersion, Traffic

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BreakGlassOrder:
    """One order of a person.

    Attributes:
        model: The model.
        run_id: The id of the rollback in the ledger.
        from_version: The version that lost its traffic.
        to: The version that serves again.
        reason: The person's words.
        who: The person's name as they gave it: nothing proves it.
        at: The time of the switch, ISO 8601 in UTC.
        left_entry: The sequence number of the entry that made the champion which was left; 0:
            not known.
        after: The id of an order that was not recorded yet when this one was given; it made the
            champion which was left.
        withdraws: True when `from_version` was under rollout and `to` was champion already.
        recorded: The sequence number from which on the ledger decides again; None: it is not
            recorded yet.
    """

    model: str
    run_id: str
    from_version: str
    to: ServedVersion
    reason: str
    who: str
    at: str
    left_entry: int = 0
    after: str | None = None
    withdraws: bool = False
    recorded: int | None = None

    def describe(self) -> dict[str, Any]:
        """Return the order as JSON values, for people."""
        return {
            "from_version": self.from_version,
            "to_version": self.to.version,
            "reason": self.reason,
            "who": self.who,
            "at": self.at,
            "recorded": self.recorded is not None,
        }

    def applied_to(self, traffic: Traffic) -> Traffic:
        """Return the traffic under this order. Pure."""
        if self.recorded is not None and traffic.seen >= self.recorded:
            return traffic
        if not self.withdraws:
            return replace(traffic, champion=self.to, rollout=None, watched_until=None)
        rollout = traffic.rollout
        if rollout is not None and rollout.challenger == self.from_version:
            return replace(traffic, rollout=None)
        return traffic


class BreakGlassOrders:
    """The last order for each model, and those before it that the ledger does not have yet.

    All of it runs on the server's event loop.
    """

    def __init__(self, file: ReservedFile | None) -> None:
        """Start without orders.

        Args:
            file: The place of the orders; None: they are in this process only.
        """
        self._file = file
        self._changed_ns = -1
        self._orders: dict[str, BreakGlassOrder] = {}

    def reserve(self) -> None:
        """Reserve the blocks for later orders. A disk that is full already is told, no more."""
        if self._file is None:
            return
        try:
            self._file.reserve()
        except OSError as error:
            log.warning("an order of --break-glass would not survive a restart: %s", error)

    def order(self, model: str) -> BreakGlassOrder | None:
        """Return the last order for a model, or None."""
        return self._last().get(model)

    def unrecorded(self) -> list[BreakGlassOrder]:
        """Return the orders that are not in the ledger yet, in the order in which they came."""
        return [each for each in self._orders.values() if each.recorded is None]

    def apply(self, model: str, traffic: Traffic) -> Traffic:
        """Return a model's traffic under its last order."""
        order = self.order(model)
        return order.applied_to(traffic) if order else traffic

    def put(self, order: BreakGlassOrder) -> bool:
        """Add an order, or set it in the place of the one with its id. Tell whether it is on the disk."""
        self.refresh()
        self._orders[order.run_id] = order
        last = self._last()
        self._orders = {
            run_id: each
            for run_id, each in self._orders.items()
            if each.recorded is None or last[each.model] == each
        }
        if self._file is None:
            return False
        try:
            self._file.write(_dumped(self._orders.values()))
        except (OSError, ValueError) as error:
            log.error("the order holds until a restart only: %s", error)
            return False
        self._changed_ns = self._file.changed_ns()
        return True

    def _last(self) -> dict[str, BreakGlassOrder]:
        return {order.model: order for order in self._orders.values()}

    def refresh(self) -> set[str]:
        """Read the orders again if another process changed them; return the models that changed."""
        if self._file is None:
            return set()
        changed_ns = self._file.changed_ns()
        if changed_ns == self._changed_ns:
            return set()
        try:
            read = _parsed(self._file.read())
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("the orders of --break-glass cannot be read: %s", error)
            self._changed_ns = changed_ns
            return set()
        self._changed_ns = changed_ns
        changed = {each.model for each in read.values() if self._orders.get(each.run_id) != each}
        self._orders |= read
        return changed


def _dumped(orders: Iterable[BreakGlassOrder]) -> str:
    return json.dumps([asdict(order) for order in orders])


def _parsed(text: str | None) -> dict[str, BreakGlassOrder]:
    stored = json.loads(text) if text else []
    orders = [BreakGlassOrder(**{**each, "to": ServedVersion(**each["to"])}) for each in stored]
    return {order.run_id: order for order in orders}
