"""Watches MLflow's aliases: one that disagrees with the record is logged and reported.

The server follows the record and no alias. It has the registry open already, so it notices first.
Airflow's DAG ``airworthy__aliases`` reads the reports, tells people, and puts the alias back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from airworthy.errors import AirworthyError
from airworthy.serving.async_registry import AsyncRegistry
from airworthy.serving.record_follower import RecordFollower
from airworthy.traffic.moved_aliases import MovedAlias, moved_aliases

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
_SETTLE_SECONDS = 3.0


class AliasWatch:
    """Compares the aliases of all models with the record, again and again.

    Attributes:
        moved: The aliases that disagreed in the last two looks.
    """

    def __init__(
        self, registry: AsyncRegistry, follower: RecordFollower, on_change: Callable[[], None]
    ) -> None:
        """Keep the parts.

        Args:
            registry: Has the aliases.
            follower: Has the traffic.
            on_change: Called when `moved` has changed.
        """
        self._registry, self._follower, self._on_change = registry, follower, on_change
        self.moved: list[MovedAlias] = []

    def of(self, model: str) -> list[MovedAlias]:
        """Return the moved aliases of a model."""
        return [each for each in self.moved if each.model == model]

    async def run(self) -> None:
        """Look until cancelled. A registry out of reach changes nothing."""
        while True:
            try:
                await self.look()
            except AirworthyError as error:
                log.debug("the aliases cannot be read: %s", error.problem)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once, and again after a moment when something disagrees.

        A release writes the record first and the alias after it.
        """
        found = await self._disagreeing()
        if any(each not in self.moved for each in found):
            await asyncio.sleep(_SETTLE_SECONDS)
            again = await self._disagreeing()
            found = [each for each in again if each in found]
        if found != self.moved:
            self._set(found)

    def _set(self, found: list[MovedAlias]) -> None:
        for each in found:
            if each not in self.moved:
                log.warning("%s: %s; the server goes on by the ledger", each.model, each.words)
        self.moved = found
        self._on_change()

    async def _disagreeing(self) -> list[MovedAlias]:
        aliases = await self._registry.call(lambda registry: registry.aliases())
        found: list[MovedAlias] = []
        for model, of_model in sorted(aliases.items()):
            traffic = self._follower.traffic(model)
            if traffic is not None:
                found += moved_aliases(model, traffic, of_model)
        if not found:
            return []
        return await self._registry.call(
            lambda registry: [
                each for each in found if not registry.is_foreign(each.model, each.found)
            ]
        )
