"""The models of a server by the record: it follows their traffic, and loads what the traffic names."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from airworthy.errors import AirworthyError, TransientError
from airworthy.protocol.refusals import RefusedError, refusal_of
from airworthy.serving.break_glass import BreakGlassOrders
from airworthy.serving.kept_versions import KeptVersions
from airworthy.serving.live_rollouts import LiveRollouts
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.record_follower import RecordFollower
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.version_keeper import VersionKeeper
from airworthy.serving.version_loader import VersionLoader
from airworthy.traffic.traffic_state import Traffic

log = logging.getLogger(__name__)

_REFUSAL_SECONDS = 2.0  # "there is no champion" is cached for this time
_MAX_REFUSALS = 1000


@dataclass(frozen=True)
class OwnVersions:
    """The disk of a server.

    Attributes:
        kept: The last good versions.
        keeper: Keeps them.
        orders: Orders to go back, given without the ledger.
    """

    kept: KeptVersions
    keeper: VersionKeeper
    orders: BreakGlassOrders


class ServedModels:
    """Follows the record. All of this runs on the server's event loop.

    Attributes:
        ready: True when the record was read once, and all versions are loaded that take part in
            traffic and can be loaded.
    """

    def __init__(  # noqa: PLR0913 - the parts of one server
        self,
        follower: RecordFollower,
        loader: VersionLoader,
        model_store: ModelStore,
        rollouts: LiveRollouts,
        metrics: ServerMetrics,
        on_change: Callable[[], None],
        own_disk: OwnVersions | None = None,
    ) -> None:
        """Keep the parts.

        Args:
            follower: Reads the ledgers.
            loader: Loads the versions.
            model_store: Has the loaded versions.
            rollouts: The rollouts of all models.
            metrics: Shows what is followed.
            on_change: Called when the traffic of a model has changed.
            own_disk: The versions on the server's own disk, and the orders to go back to them.
                None: it keeps none.
        """
        self.ready = False
        self._own_disk = own_disk
        self._bases: dict[str, Traffic] = {}
        self._follower = follower
        self._loader = loader
        self._model_store = model_store
        self._rollouts = rollouts
        self._metrics = metrics
        self._on_change = on_change
        self._refusals: dict[str, tuple[float, RefusedError]] = {}

    async def start(self) -> None:
        """Read all ledgers for the first time.

        Where one cannot be read, the champion from the server's own disk serves until it can.
        """
        disk = self._own_disk
        if disk is None:
            await self._follower.first_look()
            return
        await asyncio.to_thread(disk.orders.reserve)
        disk.orders.refresh()
        is_seen = await self._follower.look()
        kept = await asyncio.to_thread(self._kept_traffic)
        for model, traffic in kept.items():
            log.warning("%s: the version on this server's disk serves: the record is away", model)
            self._bases[model] = traffic
            self.follow_order(model)
        if not is_seen and not kept:
            await self._follower.first_look()

    def _kept_traffic(self) -> dict[str, Traffic]:
        """Return the traffic from the server's disk, of models that the record says nothing of."""
        if self._own_disk is None:
            return {}
        kept = self._own_disk.kept
        read = {model: kept.read_traffic(model) for model in kept.models()}
        return {
            model: each.traffic()
            for model, each in read.items()
            if each is not None and self._says_nothing_of(model)
        }

    def _says_nothing_of(self, model: str) -> bool:
        if not self._follower.is_lost and model not in self._follower.problems:
            return False  # It was read: without a champion, the model has none.
        traffic = self._follower.traffic(model)
        return traffic is None or (traffic.champion is None and traffic.retired is None)

    async def run(self) -> None:
        """Follow the record, until cancelled."""
        while True:
            await self._follower.pause()
            try:
                self._follow_orders()
                await self._follower.look()
            except Exception:
                # After any error the present traffic stays, and the next look may succeed.
                log.exception("the record could not be followed")

    async def wait_until_loaded(self) -> None:
        """Return when all versions are loaded, or can never be; the server is ready from then on."""
        await self._loader.settled()
        self.ready = True

    @property
    def failed(self) -> dict[str, str]:
        """The reason by model, of models with a version or an entry that cannot be used."""
        reasons = dict(self._follower.problems)
        for model in self._follower.models:
            for version, reason in self._loader.failed(model).items():
                reasons.setdefault(model, f"version {version}: {reason}")
        return reasons

    async def champion(self, model: str) -> LoadedModel:
        """Return a model's champion; without one, look at its ledger at once.

        Raises:
            RefusedError: 404 for an unknown model, 410 for a retired one, 503 without a champion, 409 when the champion
                cannot be loaded.
        """
        loaded = self._model_store.champion(model)
        if loaded is not None:
            return loaded
        expiry, refused = self._refusals.get(model, (0.0, None))
        if refused is not None and time.monotonic() < expiry:
            raise refused.with_traceback(None)
        try:
            return await self._find_champion(model)
        except RefusedError as refused:
            self._cache_refusal(model, refused)
            raise

    async def _find_champion(self, model: str) -> LoadedModel:
        try:
            await self._follower.look_at(model)
        except AirworthyError as error:
            raise refusal_of(error) from error
        if self._follower.traffic(model) is None:
            raise self._unknown(model)
        traffic = self.traffic(model)
        if traffic.retired is not None:
            raise RefusedError(
                410,
                f"{model} is retired",
                received=f"retired since {traffic.retired.time}",
                allowed="a model with a champion",
                next_step=f"ask its owner; airworthy ledger {model} says who retired it, and why",
            )
        if traffic.champion is None:
            raise RefusedError(
                503,
                f"{model} has no champion yet",
                received="no champion",
                allowed="a registered version as champion",
                next_step=f"train and release one: airworthy run {model}",
            )
        await self._loader.tried(model)
        loaded = self._model_store.champion(model)
        if loaded is None:
            failure = self._loader.failure(model, traffic.champion)
            raise refusal_of(failure or TransientError("the traffic changed meanwhile"))
        return loaded

    def _unknown(self, model: str) -> RefusedError:
        return RefusedError(
            404,
            f"there is no model {model!r}",
            received=model,
            allowed=", ".join(self._follower.models) or "no model has a ledger yet",
            next_step="GET /models",
        )

    def traffic(self, model: str) -> Traffic:
        """Return a model's traffic as this server follows it: by the record, and by its orders."""
        base = self._bases.get(model, Traffic())
        return self._own_disk.orders.apply(model, base) if self._own_disk else base

    def follow(self, model: str, traffic: Traffic) -> None:
        """Set a model's traffic by the record."""
        self._bases[model] = traffic
        if self._own_disk is not None:
            self._own_disk.keeper.follow(model, traffic)
        self.follow_order(model)

    def follow_order(self, model: str) -> None:
        """Follow a model's traffic as an order changed it. All parts follow it in one step."""
        traffic = self.traffic(model)
        self._loader.follow(model, traffic)
        self._rollouts.follow(model, traffic.rollout)
        self._rollouts.watched.follow(model, traffic)
        self._metrics.set_entry(model, traffic.seen)
        self._refusals.pop(model, None)
        self._on_change()

    def _follow_orders(self) -> None:
        """Follow the orders that another process of this server was given."""
        if self._own_disk is None:
            return
        for model in self._own_disk.orders.refresh() & set(self._bases):
            self.follow_order(model)

    def _cache_refusal(self, model: str, refused: RefusedError) -> None:
        if len(self._refusals) >= _MAX_REFUSALS:
            self._refusals.clear()
        self._refusals[model] = (time.monotonic() + _REFUSAL_SECONDS, refused)
