"""The loaded versions of a server: one champion per model, and candidates beside it.

All of this runs on the server's event loop. A swap is one assignment, so no request sees it half
done. Reading the registry and loading files run in a thread. A request keeps the version it began
with.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from airworthy.errors import AirworthyError, TransientError
from airworthy.protocol.refusals import RefusedError, refusal_of
from airworthy.serving.async_registry import AsyncRegistry, OpenRegistry, champion_version
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import ServerMetrics

log = logging.getLogger(__name__)

_REFUSAL_SECONDS = 2.0  # "there is no champion" is cached for this time
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_MAX_REFUSALS = 1000


class ModelStore:
    """Loaded versions by model."""

    def __init__(self, open_registry: OpenRegistry, metrics: ServerMetrics) -> None:
        """Start empty. The registry is opened at its first use: it may come up after the server."""
        self._registry = AsyncRegistry(open_registry)
        self._metrics = metrics
        self._champions: dict[str, LoadedModel] = {}
        self._candidates: dict[tuple[str, str], LoadedModel] = {}
        self._lock = asyncio.Lock()
        self._refusals: dict[str, tuple[float, RefusedError]] = {}
        self.ready = False
        self.failed: dict[str, str] = {}

    @property
    def models(self) -> list[str]:
        """The models with a loaded champion."""
        return sorted(self._champions)

    def loaded_champion(self, model: str) -> LoadedModel | None:
        """Return the champion, if it is loaded. The registry is not read."""
        return self._champions.get(model)

    def describe(self, model: str) -> dict[str, Any]:
        """Return a description of a model's champion and candidates as JSON values."""
        return self._champions[model].describe() | {"candidates": self.candidates(model)}

    def candidates(self, model: str) -> list[str]:
        """Return the versions of a model loaded beside its champion."""
        return [version for name, version in self._candidates if name == model]

    def loaded_candidate(self, model: str, version: str) -> LoadedModel | None:
        """Return a candidate, if it is loaded."""
        return self._candidates.get((model, version))

    def loaded_version(self, model: str, version: str) -> LoadedModel:
        """Return a loaded version, candidate or champion.

        Raises:
            RefusedError: 404, when it is not loaded.
        """
        champion = self._champions.get(model)
        candidate = self._candidates.get((model, version))
        if candidate is None and champion is not None and champion.version == version:
            return champion
        if candidate is None:
            raise RefusedError(
                404,
                f"{model}: version {version} is not loaded",
                received=version,
                allowed=", ".join(self.candidates(model)) or "no candidate is loaded",
                next_step=f"PUT /models/{model}/versions/{version}",
            )
        return candidate

    async def load_champions(self) -> None:
        """Load every model's champion. It retries until the registry answers.

        A broken champion does not stop the others.
        """
        attempt = 0
        while True:
            try:
                for model in await self._registry.call(lambda registry: registry.models()):
                    await self._load_first(model)
                # A model without a champion may get one at any moment.
                self._refusals.clear()
                return
            except TransientError as error:
                log.warning("the champions cannot be loaded yet: %s", error.problem)
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1

    async def _load_first(self, model: str) -> None:
        try:
            await self.champion(model)
            self.failed.pop(model, None)
        except RefusedError as refused:
            if isinstance(refused.__cause__, TransientError):
                raise refused.__cause__ from None
            if refused.status == 409:
                self.failed[model] = str(refused)
                log.error("the champion of %s cannot be loaded: %s", model, refused.body)

    async def champion(self, model: str) -> LoadedModel:
        """Return a model's champion. It is loaded from the registry when necessary.

        Raises:
            RefusedError: 404 for an unknown model, 503 without a champion, 409 when the champion
                cannot be loaded.
        """
        loaded = self._champions.get(model)
        if loaded is not None:
            return loaded
        self._raise_cached_refusal(model)
        async with self._lock:
            if model not in self._champions:
                self._raise_cached_refusal(model)
                try:
                    self._install(await self._load_champion(model))
                except RefusedError as refused:
                    self._cache_refusal(model, refused)
                    raise
            return self._champions[model]

    async def _load_champion(self, model: str) -> LoadedModel:
        try:
            version = await self._registry.call(lambda registry: champion_version(registry, model))
            return await self._load(model, version)
        except AirworthyError as error:
            raise refusal_of(error) from error

    async def load_candidate(self, model: str, version: str) -> LoadedModel:
        """Load a version beside the champion. It takes no traffic. A second load changes nothing.

        Raises:
            RefusedError: 409 with the reason when it cannot be loaded, 503 when the registry is out
                of reach.
        """
        async with self._lock:
            return await self._candidate_or_load(model, version)

    async def _candidate_or_load(self, model: str, version: str) -> LoadedModel:
        champion = self._champions.get(model)
        if champion is not None and champion.version == version:
            return champion
        if (model, version) not in self._candidates:
            try:
                loaded = await self._load(model, version)
            except AirworthyError as error:
                raise refusal_of(error) from error
            self._candidates[model, version] = loaded
            self._metrics.add_version(loaded, "candidate")
        return self._candidates[model, version]

    async def swap(self, model: str, version: str) -> str | None:
        """Make a version the champion at once. Running requests finish on their first version.

        Returns:
            The previous champion's version; None without one.

        Raises:
            RefusedError: when it cannot be loaded. The champion keeps serving.
        """
        async with self._lock:
            previous = self._champions.get(model)
            loaded = await self._candidate_or_load(model, version)
            if loaded is not previous:
                self._drop_candidate(model, version)
                self._install(loaded)
                self._metrics.record_swap(model)
            return previous.version if previous else None

    async def unload(self, model: str, version: str) -> None:
        """Unload a candidate.

        Raises:
            RefusedError: 409 for the champion, 404 for a version not loaded.
        """
        async with self._lock:
            if self.loaded_version(model, version) is self._champions.get(model):
                raise RefusedError(
                    409,
                    f"{model}: version {version} is the champion and cannot be unloaded",
                    next_step=f"swap first: PUT /models/{model}/champion",
                )
            self._drop_candidate(model, version)

    async def example(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return a valid request body of a version.

        Raises:
            RefusedError: 404 when none was logged with it, 503 when the registry is out of reach.
        """
        try:
            body = await self._registry.call(
                lambda registry: registry.example(loaded.model, loaded.version)
            )
        except AirworthyError as error:
            raise refusal_of(error) from error
        if body is None:
            inputs = ", ".join(
                f"{name}: {kind}" for name, kind in loaded.bundle.manifest.inputs.items()
            )
            raise RefusedError(
                404, f"{loaded.model}: no example was logged with this version", allowed=inputs
            )
        return body

    def _install(self, loaded: LoadedModel) -> None:
        previous = self._champions.get(loaded.model)
        self._champions[loaded.model] = loaded
        self._refusals.pop(loaded.model, None)
        self._metrics.add_version(loaded, "champion")
        if previous is not None:
            self._metrics.remove_version(previous, "champion")

    def _drop_candidate(self, model: str, version: str) -> None:
        dropped = self._candidates.pop((model, version), None)
        if dropped is not None:
            self._metrics.remove_version(dropped, "candidate")

    def _raise_cached_refusal(self, model: str) -> None:
        expiry, refused = self._refusals.get(model, (0.0, None))
        if refused is not None and time.monotonic() < expiry:
            raise refused.with_traceback(None)

    def _cache_refusal(self, model: str, refused: RefusedError) -> None:
        if len(self._refusals) >= _MAX_REFUSALS:
            self._refusals.clear()
        self._refusals[model] = (time.monotonic() + _REFUSAL_SECONDS, refused)

    async def _load(self, model: str, version: str) -> LoadedModel:
        folder, digest = await self._registry.call(lambda registry: registry.bundle(model, version))
        return await asyncio.to_thread(LoadedModel.load, model, version, folder, digest)
