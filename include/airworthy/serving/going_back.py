"""Goes back to a kept version by a person's order, with the server and its own disk alone."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, NoReturn

from airworthy.errors import AirworthyError
from airworthy.protocol.refusals import RefusedError, refusal_of
from airworthy.serving.break_glass import BreakGlassOrder, BreakGlassOrders
from airworthy.serving.kept_versions import KeptTraffic, KeptVersions
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.serving.served_models import ServedModels
from airworthy.traffic.traffic_state import ServedVersion

log = logging.getLogger(__name__)


class GoingBack:
    """Carries out orders of `--break-glass`. Nothing else than this server and its disk is asked."""

    def __init__(
        self,
        kept: KeptVersions | None,
        orders: BreakGlassOrders,
        model_store: ModelStore,
        models: ServedModels,
    ) -> None:
        """Keep the parts.

        Args:
            kept: The versions on the server's disk; None: it keeps none.
            orders: The orders.
            model_store: Has the loaded versions.
            models: The models by the record.
        """
        self._kept = kept
        self._orders = orders
        self._model_store = model_store
        self._models = models
        self._lock = asyncio.Lock()

    async def go_back(
        self, model: str, to_version: str | None, reason: str, who: str
    ) -> dict[str, Any]:
        """Give all traffic to a kept version at once; return what was done as JSON values.

        During a rollout, and without a named version, the challenger is withdrawn.

        Args:
            model: The model.
            to_version: The version to go back to; None: the last good one.
            reason: The person's words.
            who: The person's name, as they gave it.

        Raises:
            RefusedError: 404 for a model that does not serve here, 409 when there is no such
                version, or its files are damaged.
        """
        async with self._lock:
            serving = self._model_store.champion(model)
            if serving is None:
                served = ", ".join(self._model_store.models) or "no model"
                raise RefusedError(404, f"{model} does not serve here", allowed=served)
            order = self._withdrawal(serving, reason, who) if to_version is None else None
            if order is None:
                order = await self._return(serving, to_version, reason, who)
            on_disk = self._orders.put(order)
            self._models.follow_order(model)
        log.warning("%s: went back by --break-glass: %s", model, order)
        return {"model": model, "run_id": order.run_id, "on_disk": on_disk} | order.describe()

    def _withdrawal(self, serving: LoadedModel, reason: str, who: str) -> BreakGlassOrder | None:
        rollout = self._models.traffic(serving.model).rollout
        if rollout is None:
            return None
        version = ServedVersion(serving.version, serving.digest)
        return self._order(serving.model, rollout.challenger, version, reason, who, withdraws=True)

    async def _return(
        self, serving: LoadedModel, to_version: str | None, reason: str, who: str
    ) -> BreakGlassOrder:
        version = await self._choose(serving, to_version)
        if self._model_store.find(serving.model, version.version, version.bundle_digest) is None:
            self._model_store.add_candidate(await self._loaded(serving.model, version))
        return self._order(serving.model, serving.version, version, reason, who)

    def _order(
        self,
        model: str,
        from_version: str,
        version: ServedVersion,
        reason: str,
        who: str,
        *,
        withdraws: bool = False,
    ) -> BreakGlassOrder:
        now = datetime.now(UTC)
        before = self._orders.order(model)
        return BreakGlassOrder(
            model=model,
            run_id=f"break-glass-{now:%Y%m%dT%H%M%S.%f}",
            from_version=from_version,
            to=version,
            reason=reason,
            who=who,
            at=now.isoformat(timespec="milliseconds"),
            left_entry=self._models.traffic(model).champion_entry,
            after=_moving(before),
            withdraws=withdraws,
        )

    async def _choose(self, serving: LoadedModel, to_version: str | None) -> ServedVersion:
        traffic = await asyncio.to_thread(self._read, serving.model)
        left = {each.from_version for each in self._orders.unrecorded()}
        others = [each for each in _versions(traffic) if each.version != serving.version]
        named = [each for each in others if each.version == to_version]
        good = [each for each in others if each.version not in left]
        found = named if to_version is not None else good
        if not found or serving.version == to_version:
            _refuse(serving, to_version, others)
        return found[0]

    def _read(self, model: str) -> KeptTraffic | None:
        return self._kept.read_traffic(model) if self._kept else None

    async def _loaded(self, model: str, version: ServedVersion) -> LoadedModel:
        digest = str(version.bundle_digest)
        folder = self._kept.bundle(model, digest) if self._kept else None
        if folder is None:
            raise RefusedError(
                409,
                f"{model}: the files of version {version.version} are not on this server's disk",
                received=version.version,
                next_step="name another version with --to-version",
            )
        try:
            return await asyncio.to_thread(LoadedModel.load, model, version.version, folder, digest)
        except AirworthyError as error:
            raise RefusedError(
                409,
                refusal_of(error).body["error"],
                received=version.version,
                next_step="name another version with --to-version",
            ) from error


def _versions(traffic: KeptTraffic | None) -> list[ServedVersion]:
    """Return the versions to go back to, the latest first; the ledger's own champion is the last."""
    return [*traffic.former, traffic.champion] if traffic else []


def _moving(order: BreakGlassOrder | None) -> str | None:
    """Return the id of an order whose move the ledger does not have yet."""
    return order.run_id if order and order.recorded is None and not order.withdraws else None


def _refuse(serving: LoadedModel, to_version: str | None, others: list[ServedVersion]) -> NoReturn:
    versions = ", ".join(each.version for each in others)
    problem = (
        f"{serving.model}: this server keeps no good version from before version {serving.version}"
        if to_version is None
        else f"{serving.model}: version {to_version} serves already"
        if to_version == serving.version
        else f"{serving.model}: this server does not keep version {to_version}"
    )
    raise RefusedError(
        409,
        problem,
        received=to_version or "no version was named",
        allowed=versions or "no other version is kept",
        next_step="name one of these with --to-version, or ask another server",
    )
