"""Records an order of `--break-glass` in the ledger, as soon as the ledger can be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from airworthy.errors import AirworthyError
from airworthy.ledger.events import AliasMove, BreakGlass, RollbackCompleted, RollbackStarted
from airworthy.ledger.ledger import Ledger
from airworthy.ledger.traffic_entries import is_champion_move, last_decision
from airworthy.serving.break_glass import BreakGlassOrder, BreakGlassOrders
from airworthy.serving.store_threads import StoreThreads

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0


class BreakGlassRecorder:
    """Records the orders of one server."""

    def __init__(
        self,
        orders: BreakGlassOrders,
        open_ledger: Callable[[str], Ledger],
        threads: StoreThreads,
        server: str,
    ) -> None:
        """Keep the parts.

        Args:
            orders: The orders.
            open_ledger: Opens the ledger of a model.
            threads: The ledger is written there.
            server: The server, as its reports name it.
        """
        self._orders = orders
        self._open_ledger = open_ledger
        self._threads = threads
        self._server = server

    async def run(self) -> None:
        """Record what is not recorded, until cancelled."""
        pause = _PAUSE_SECONDS
        while True:
            await asyncio.sleep(pause)
            whole = [await self._try(order) for order in self._orders.unrecorded()]
            pause = _PAUSE_SECONDS if all(whole) else min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _try(self, order: BreakGlassOrder) -> bool:
        try:
            recorded = await self._threads.call(
                record_order, self._open_ledger(order.model), order, self._server
            )
        except AirworthyError as error:
            log.warning(
                "%s: the order of --break-glass is not in the ledger yet: %s",
                order.model,
                error.problem,
            )
            return False
        except Exception:
            log.exception("%s: the order of --break-glass is not in the ledger yet", order.model)
            return False
        if self._orders.order(order.model) == order:
            self._orders.put(replace(order, recorded=recorded))
        log.warning("%s: the order of --break-glass is in the ledger", order.model)
        return True


def record_order(ledger: Ledger, order: BreakGlassOrder, server: str) -> int:
    """Record an order; return the sequence number from which on the ledger decides again.

    The champion moves only if no other version became champion since the server saw the one that
    was left. Repeated, it adds nothing. Only ids are read: a damaged old entry is in nobody's way.

    Args:
        ledger: The model's ledger.
        order: The order.
        server: The server, as its reports name it.

    Raises:
        TerminalError: when the last entry was changed.
        TransientError: when the ledger cannot be reached.
    """
    ids = ledger.ids()
    last_move = max((each for each in ids if is_champion_move(each[1])), default=(0, ""))
    moved = _is_last(last_move, order) or _has_moved(ids, order)
    append = partial(ledger.append, run_id=order.run_id, who=order.who)
    append(_broken_glass(order, server, moved=moved))
    if not moved:
        log.error(
            "%s: another version became champion before the order of --break-glass could be "
            "recorded; the ledger's champion serves",
            order.model,
        )
        return last_move[0]
    last = append(_started(order), decided=last_decision(ids)).sequence
    if not order.withdraws:
        last = append(_move(order), decided=last).sequence
    append(_completed(order))
    return last


def _is_last(move: tuple[int, str], order: BreakGlassOrder) -> bool:
    """Tell whether the last move of the champion is the one that the order's person saw."""
    if order.after is not None:
        return move[1] == AliasMove.rollback_id(order.after)
    return move[0] == order.left_entry


def _has_moved(ids: list[tuple[int, str]], order: BreakGlassOrder) -> bool:
    own = AliasMove.rollback_id(order.run_id)
    return any(entry_id == own for _, entry_id in ids)


def _broken_glass(order: BreakGlassOrder, server: str, *, moved: bool) -> BreakGlass:
    return BreakGlass(
        from_=order.from_version,
        to=order.to.version,
        reason=order.reason,
        at=datetime.fromisoformat(order.at),
        bundle_digest=order.to.bundle_digest,
        withdraws=order.withdraws,
        moved=moved,
        server=server,
    )


def _started(order: BreakGlassOrder) -> RollbackStarted:
    return RollbackStarted(
        from_=order.from_version,
        to=order.to.version,
        reason=order.reason,
        named=True,
        withdraws=order.withdraws,
    )


def _completed(order: BreakGlassOrder) -> RollbackCompleted:
    return RollbackCompleted(
        from_=order.from_version,
        to=order.to.version,
        reason=order.reason,
        named=True,
        withdraws=order.withdraws,
        started_by=order.run_id,
        parity_rows=0,
        max_difference=0.0,
    )


def _move(order: BreakGlassOrder) -> AliasMove:
    return AliasMove(
        from_=order.from_version,
        to=order.to.version,
        reason=f"break-glass {order.run_id}: {order.reason}",
        bundle_digest=order.to.bundle_digest,
        rollback=order.run_id,
    )
