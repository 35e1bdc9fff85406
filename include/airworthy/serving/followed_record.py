"""One server's view of the record: what it follows, loads, and reports."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.alias_watch import AliasWatch
from airworthy.serving.async_registry import AsyncRegistry, OpenRegistry
from airworthy.serving.break_glass import BreakGlassOrders
from airworthy.serving.break_glass_record import BreakGlassRecorder
from airworthy.serving.contract_counts import ContractCounts
from airworthy.serving.going_back import GoingBack
from airworthy.serving.kept_versions import KeptVersions
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.model_store import ModelStore
from airworthy.serving.record_follower import RecordFollower
from airworthy.serving.record_reader import Following
from airworthy.serving.replica_reporter import ReplicaReporter
from airworthy.serving.reserved_file import ReservedFile
from airworthy.serving.served_models import OwnVersions, ServedModels
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shared_labels import SharedLabels
from airworthy.serving.store_threads import StoreThreads
from airworthy.serving.version_keeper import VersionKeeper
from airworthy.serving.version_loader import VersionLoader
from airworthy.traffic import Traffic
from airworthy.traffic.label_exchange import LabelExchange

log = logging.getLogger(__name__)

READY: Final = "ready"
LOADING: Final = "loading"
RECORD_LOST: Final = "record lost"

_STOP_SECONDS = 5.0


class FollowedRecord:
    """The parts that follow the record, put together.

    Attributes:
        registry: The registry of the versions.
        model_store: The loaded versions.
        rollouts: The rollouts of all models.
        models: The models by the record.
        contracts: Counts rows outside their contract.
        aliases: Watches MLflow's aliases.
        reporter: Writes the server's report.
        labels: Passes labels on to other replicas, or None.
    """

    def __init__(
        self,
        open_registry: OpenRegistry,
        following: Following,
        metrics: ServerMetrics,
    ) -> None:
        """Put the parts together. Nothing is read yet.

        Args:
            open_registry: Opens the registry of the versions, at its first use.
            following: The record, and the place of the server's reports.
            metrics: The server's metrics.
        """
        self.registry = registry = AsyncRegistry(open_registry)
        self._settings = following.settings
        self._threads = StoreThreads()
        self._follower = RecordFollower(following, self._threads, self._follow)
        self.model_store = ModelStore(metrics)
        own = self._own_versions(following)
        self._loader = VersionLoader(
            self.model_store, registry, following.role, self._changed, own.kept if own else None
        )
        self.rollouts = LiveRollouts(
            self.model_store, self._loader, metrics, self._threads, following.flags, self._changed
        )
        self.models = ServedModels(
            self._follower,
            self._loader,
            self.model_store,
            self.rollouts,
            metrics,
            self._changed,
            own,
        )
        self._own = own
        self.going_back = GoingBack(
            own.kept if own else None,
            own.orders if own else BreakGlassOrders(None),
            self.model_store,
            self.models,
        )
        self.contracts = ContractCounts(metrics)
        self.aliases = AliasWatch(registry, self._follower, self._changed)
        self.reporter = ReplicaReporter(
            following,
            self._threads,
            self._follower,
            self._loader,
            self.model_store,
            self.rollouts,
            self.contracts,
            self.aliases,
        )
        self.labels = (
            None
            if following.labels is None
            else SharedLabels(
                LabelExchange(following.labels, self.reporter.replica), self._threads, self.rollouts
            )
        )
        self._recorder = self._break_glass_recorder(following)
        self._became_ready = asyncio.Event()
        metrics.register_record(lambda: self._follower.seen, lambda: self._follower.is_lost)

    def _own_versions(self, following: Following) -> OwnVersions | None:
        disk = following.own_disk
        if disk is None:
            return None
        kept = KeptVersions(disk.folder)
        keeper = VersionKeeper(kept, disk.open_ledger, self.registry, self._threads)
        orders = BreakGlassOrders(ReservedFile(disk.folder / "break_glass"))
        return OwnVersions(kept, keeper, orders)

    def _break_glass_recorder(self, following: Following) -> BreakGlassRecorder | None:
        if self._own is None or following.own_disk is None:
            return None
        return BreakGlassRecorder(
            self._own.orders,
            following.own_disk.open_ledger,
            self._threads,
            self.reporter.replica,
        )

    @property
    def status(self) -> str:
        """`READY`, `LOADING`, or `RECORD_LOST` when requests are refused for it."""
        if not self.models.ready:
            return LOADING
        return RECORD_LOST if self._refuses else READY

    async def wait_until_ready(self, lost_after: float) -> None:
        """Wait until all versions with traffic are loaded, and this is reported.

        `lost_after` is the time in seconds after which it waits no longer for a record that was
        never seen.
        """
        until = time.monotonic() + lost_after
        while self._follower.seen is not None or time.monotonic() < until:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._became_ready.wait(), 1.0)
                return

    def check_seen(self) -> None:
        """Refuse requests when the record was not seen for too long, and the environment says so.

        Raises:
            RefusedError: 503.
        """
        if self._refuses:
            raise RefusedError(
                503,
                "this server has not seen the record of releases for too long",
                received=f"last seen {self._follower.seen}",
                allowed=f"a look within {self._settings.lost_after.total_seconds():.0f} s",
                next_step="ask again later, or another server",
            )

    def describe(self) -> dict[str, Any]:
        """Return the server's state as JSON values."""
        seen, lost_since = self._follower.seen, self._follower.lost_since
        return {
            "status": self.status,
            "models": self.model_store.models,
            "failed": self.models.failed,
            "moved_aliases": [each.model_dump() for each in self.aliases.moved],
            "replica": self.reporter.replica,
            "record": {
                "seen": seen.isoformat() if seen else None,
                "lost_since": lost_since.isoformat() if lost_since else None,
            },
            "break_glass": self._orders(),
        }

    def _orders(self) -> dict[str, Any]:
        """Return by model the orders to go back that the ledger does not have yet."""
        orders = self._own.orders.unrecorded() if self._own else []
        return {order.model: order.describe() for order in orders}

    @asynccontextmanager
    async def running(self, on_ready: Callable[[], None] | None) -> AsyncIterator[None]:
        """Follow, load and report until the block ends. `on_ready` is called once."""
        tasks = [
            asyncio.create_task(self._loader.run()),
            asyncio.create_task(self._run(on_ready)),
            asyncio.create_task(self.rollouts.poll_flags()),
            asyncio.create_task(self.aliases.run()),
        ]
        if self.labels is not None:
            tasks.append(asyncio.create_task(self.labels.run()))
        if self._own is not None:
            tasks.append(asyncio.create_task(self._own.keeper.run()))
        if self._recorder is not None:
            tasks.append(asyncio.create_task(self._recorder.run()))
        reports = asyncio.create_task(self.reporter.run())
        for task in (*tasks, reports):
            task.add_done_callback(_log_failure)
        try:
            yield
        finally:
            self.reporter.stop()
            await asyncio.wait([reports], timeout=_STOP_SECONDS)
            for task in (*tasks, reports):
                task.cancel()
            await asyncio.gather(*tasks, reports, return_exceptions=True)
            self.rollouts.close()
            self._threads.close()

    async def _run(self, on_ready: Callable[[], None] | None) -> None:
        await self.rollouts.start()
        await self.models.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.models.run())
            await self.models.wait_until_loaded()
            self.rollouts.joined = True
            await self.reporter.start()
            self._became_ready.set()
            if on_ready is not None:
                on_ready()

    def _follow(self, model: str, traffic: Traffic) -> None:
        self.models.follow(model, traffic)

    def _changed(self) -> None:
        self.reporter.changed()

    @property
    def _refuses(self) -> bool:
        if self._settings.on_lost_record == "serve":
            return False
        return self._follower.unseen_seconds > self._settings.lost_after.total_seconds()


def _log_failure(task: asyncio.Task[None]) -> None:
    """Log the error of a task that ended by one: nobody waits for its result."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("the server does not follow the record any more", exc_info=error)
