"""The versions that a server has loaded: one champion a model, and candidates beside it.

Everything here runs on the server's event loop, so that a swap is one assignment that no request can see half done;
reading the registry and loading files run in a thread. A request keeps the version that it started with.
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
from airworthy.serving.server_metrics import Metrics

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = 2.0  # seconds for which "there is no champion" is believed
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_REMEMBERED = 1000


class ModelStore:
    """Loaded versions by model."""

    def __init__(self, open_registry: OpenRegistry, metrics: Metrics) -> None:
        """Start empty; the registry is opened when it is first needed, so that it may come up after the server."""
        self._registry = AsyncRegistry(open_registry)
        self._metrics = metrics
        self._champions: dict[str, LoadedModel] = {}
        self._candidates: dict[tuple[str, str], LoadedModel] = {}
        self._changing = asyncio.Lock()
        self._refused: dict[str, tuple[float, RefusedError]] = {}
        self.ready = False
        self.failed: dict[str, str] = {}

    @property
    def models(self) -> list[str]:
        """The models that have a champion loaded."""
        return sorted(self._champions)

    def serving(self, model: str) -> LoadedModel | None:
        """Return the loaded champion, without looking further."""
        return self._champions.get(model)

    def describe(self, model: str) -> dict[str, Any]:
        """Return what is loaded of a model that has a champion."""
        return self._champions[model].describe() | {"candidates": self.candidates(model)}

    def candidates(self, model: str) -> list[str]:
        """Return the versions of a model that are loaded beside its champion."""
        return [version for name, version in self._candidates if name == model]

    def loaded(self, model: str, version: str) -> LoadedModel | None:
        """Return a candidate, if it is loaded."""
        return self._candidates.get((model, version))

    def candidate(self, model: str, version: str) -> LoadedModel:
        """Return a loaded version, be it candidate or champion.

        Raises:
            RefusedError: 404, when it is not loaded.
        """
        champion = self._champions.get(model)
        found = self._candidates.get((model, version))
        if found is None and champion is not None and champion.version == version:
            return champion
        if found is None:
            raise RefusedError(
                404,
                f"{model}: version {version} is not loaded",
                received=version,
                allowed=", ".join(self.candidates(model)) or "no candidate is loaded",
                next_step=f"PUT /models/{model}/versions/{version}",
            )
        return found

    async def load_champions(self) -> None:
        """Load every model's champion. Tries until the registry answers; one broken champion stops no other."""
        attempt = 0
        while True:
            try:
                for model in await self._registry.ask(lambda registry: registry.models()):
                    await self._load_first(model)
                # What had no champion at the start may get one at any moment.
                self._refused.clear()
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
        """Return a model's champion, asking the registry when none is loaded.

        Raises:
            RefusedError: 404 for an unknown model, 503 for one without a champion, 409 for one that cannot be loaded.
        """
        loaded = self._champions.get(model)
        if loaded is not None:
            return loaded
        self._raise_if_just_refused(model)
        async with self._changing:
            if model not in self._champions:
                self._raise_if_just_refused(model)
                try:
                    self._install(await self._load_champion(model))
                except RefusedError as refused:
                    self._remember(model, refused)
                    raise
            return self._champions[model]

    async def _load_champion(self, model: str) -> LoadedModel:
        try:
            version = await self._registry.ask(lambda registry: champion_version(registry, model))
            return await self._load(model, version)
        except AirworthyError as error:
            raise refusal_of(error) from error

    async def load_candidate(self, model: str, version: str) -> LoadedModel:
        """Load a version beside the champion; it takes no traffic. Loading it twice changes nothing.

        Raises:
            RefusedError: 409 with the reason when it cannot be loaded, 503 when the registry is out of reach.
        """
        async with self._changing:
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
            self._metrics.loaded(loaded, "candidate")
        return self._candidates[model, version]

    async def swap(self, model: str, version: str) -> str | None:
        """Make a version the champion at once; requests under way finish on the one they started with.

        Returns:
            The version that was champion before; None when there was none.

        Raises:
            RefusedError: when it cannot be loaded; the champion keeps serving.
        """
        async with self._changing:
            before = self._champions.get(model)
            loaded = await self._candidate_or_load(model, version)
            if loaded is not before:
                self._drop_candidate(model, version)
                self._install(loaded)
                self._metrics.swapped(model)
            return before.version if before else None

    async def unload(self, model: str, version: str) -> None:
        """Forget a candidate.

        Raises:
            RefusedError: 409 for the champion, 404 for a version that is not loaded.
        """
        async with self._changing:
            if self.candidate(model, version) is self._champions.get(model):
                raise RefusedError(
                    409,
                    f"{model}: version {version} is the champion and cannot be unloaded",
                    next_step=f"swap first: PUT /models/{model}/champion",
                )
            self._drop_candidate(model, version)

    async def example(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return a body that a version accepts.

        Raises:
            RefusedError: 404 when none was logged with it, 503 when the registry is out of reach.
        """
        try:
            found = await self._registry.ask(
                lambda registry: registry.example(loaded.model, loaded.version)
            )
        except AirworthyError as error:
            raise refusal_of(error) from error
        if found is None:
            inputs = ", ".join(
                f"{name}: {kind}" for name, kind in loaded.bundle.manifest.inputs.items()
            )
            raise RefusedError(
                404, f"{loaded.model}: no example was logged with this version", allowed=inputs
            )
        return found

    def _install(self, loaded: LoadedModel) -> None:
        before = self._champions.get(loaded.model)
        self._champions[loaded.model] = loaded
        self._refused.pop(loaded.model, None)
        self._metrics.loaded(loaded, "champion")
        if before is not None:
            self._metrics.unloaded(before, "champion")

    def _drop_candidate(self, model: str, version: str) -> None:
        dropped = self._candidates.pop((model, version), None)
        if dropped is not None:
            self._metrics.unloaded(dropped, "candidate")

    def _raise_if_just_refused(self, model: str) -> None:
        until, refused = self._refused.get(model, (0.0, None))
        if refused is not None and time.monotonic() < until:
            raise refused.with_traceback(None)

    def _remember(self, model: str, refused: RefusedError) -> None:
        if len(self._refused) >= _REMEMBERED:
            self._refused.clear()
        self._refused[model] = (time.monotonic() + ASK_AGAIN_AFTER, refused)

    async def _load(self, model: str, version: str) -> LoadedModel:
        folder, digest = await self._registry.ask(lambda registry: registry.bundle(model, version))
        return await asyncio.to_thread(LoadedModel.load, model, version, folder, digest)
