"""Keeps the champion and the versions to go back to on the server's own disk.

It works beside the requests. A fault in it is logged: nothing that serves depends on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from airworthy.errors import AirworthyError
from airworthy.ledger.ledger import Ledger
from airworthy.serving.async_registry import AsyncRegistry
from airworthy.serving.kept_versions import KeptTraffic, KeptVersions
from airworthy.serving.store_threads import StoreThreads
from airworthy.traffic.released_versions import ReleasedVersions, released_versions
from airworthy.traffic.traffic_state import ServedVersion, Traffic

log = logging.getLogger(__name__)

FORMER = 3
_RETRY_SECONDS = 30.0


class VersionKeeper:
    """Keeps what the traffic names, and what a rollback would go back to."""

    def __init__(
        self,
        kept: KeptVersions,
        open_ledger: Callable[[str], Ledger],
        registry: AsyncRegistry,
        threads: StoreThreads,
    ) -> None:
        """Keep the parts.

        Args:
            kept: The versions on the disk.
            open_ledger: Opens the ledger of a model.
            registry: Has the files.
            threads: The disk and the ledger are read there.
        """
        self._kept = kept
        self._open_ledger = open_ledger
        self._registry = registry
        self._threads = threads
        self._due: dict[str, Traffic] = {}
        self._done: dict[str, tuple[int, bool]] = {}
        self._wake = asyncio.Event()

    def follow(self, model: str, traffic: Traffic) -> None:
        """Keep a model's versions soon, when its champion by the ledger changed."""
        state = (traffic.champion_entry, traffic.retired is not None)
        if self._done.get(model) == state:
            return
        self._done[model] = state
        self._due[model] = traffic
        self._wake.set()

    async def run(self) -> None:
        """Keep what is due, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            failed: dict[str, Traffic] = {}
            while self._due:
                model, traffic = self._due.popitem()
                if not await self._try(model, traffic):
                    failed[model] = traffic
            if failed:
                await asyncio.sleep(_RETRY_SECONDS)
                self._due = failed | self._due
                self._wake.set()

    async def _try(self, model: str, traffic: Traffic) -> bool:
        try:
            await self._keep(model, traffic)
        except (AirworthyError, OSError) as error:
            problem = error.problem if isinstance(error, AirworthyError) else str(error)
            log.warning("%s: its versions are not on this server's disk yet: %s", model, problem)
            return False
        except Exception:
            log.exception("%s: its versions are not on this server's disk", model)
        return True

    async def _keep(self, model: str, traffic: Traffic) -> None:
        champion = traffic.champion
        if traffic.retired is not None:
            await self._threads.call(self._kept.forget, model)
        if champion is None or champion.bundle_digest is None:
            return
        await self._keep_files(model, champion)
        released = await self._threads.call(released_versions, self._open_ledger(model))
        before = await self._threads.call(self._kept.read_traffic, model)
        former = _former(champion, released, before)
        for version in former:
            try:
                await self._keep_files(model, version)
            except AirworthyError as error:
                log.warning("%s: version %s is not kept: %s", model, version.version, error.problem)
        record = KeptTraffic(champion, traffic.since, traffic.champion_entry, tuple(former))
        await self._threads.call(self._kept.write_traffic, model, record)
        digests = {str(each.bundle_digest) for each in (champion, *former)}
        await self._threads.call(self._kept.drop_others, model, digests)

    async def _keep_files(self, model: str, version: ServedVersion) -> None:
        digest = str(version.bundle_digest)
        if await self._threads.call(self._kept.is_whole, model, digest):
            return
        folder, _ = await self._registry.call(lambda each: each.bundle(model, version.version))
        await self._threads.call(self._kept.keep, model, digest, folder)


def _former(
    champion: ServedVersion, released: ReleasedVersions, before: KeptTraffic | None
) -> list[ServedVersion]:
    """Return the versions to go back to, the latest first.

    Those kept before count too: their entries may be damaged meanwhile.
    """
    known = [*released.good, *(before.former if before else ())]
    return [
        each
        for each in dict.fromkeys(known)
        if each.version != champion.version and each.version not in released.rolled_back
    ][:FORMER]
