"""The versions that flags name: loaded beside the champions for as long as they are named."""

from __future__ import annotations

import asyncio
import logging
import time

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore

log = logging.getLogger(__name__)

_TRY_AGAIN_SECONDS = 5.0

ModelVersion = tuple[str, str]


class CandidateLoader:
    """Loads what it is told to, and unloads what it loaded when that is wanted no more."""

    def __init__(self, fleet: ModelStore) -> None:
        """Start with none."""
        self._fleet = fleet
        self._wanted: set[ModelVersion] = set()
        self._ours: set[ModelVersion] = set()
        self._failed: dict[ModelVersion, float] = {}
        self._tending: asyncio.Task[None] | None = None

    def want(self, versions: set[ModelVersion]) -> None:
        """Say which versions are to be loaded from now on."""
        self._wanted = versions
        self._failed = {
            version: again for version, again in self._failed.items() if version in versions
        }

    def loaded(self, model: str, version: str) -> LoadedModel | None:
        """Return a wanted version, if it is loaded."""
        return self._fleet.loaded(model, version)

    def failed(self, model: str, version: str) -> bool:
        """Tell whether the last try to load a wanted version failed."""
        return (model, version) in self._failed

    def tend(self) -> asyncio.Task[None]:
        """Load and unload what has to be, in a task; one that is still at it goes on."""
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())
        return self._tending

    async def close(self) -> None:
        """Stop loading."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)

    async def _tend(self) -> None:
        for model, version in sorted(self._ours - self._wanted):
            self._ours.discard((model, version))
            await self._unload(model, version)
        for model, version in sorted(self._wanted):
            if self._fleet.loaded(model, version) is None and time.monotonic() >= self._failed.get(
                (model, version), 0
            ):
                await self._load(model, version)

    async def _load(self, model: str, version: str) -> None:
        try:
            await self._fleet.load_candidate(model, version)
        except RefusedError as refused:
            if (model, version) not in self._failed:
                log.error(
                    "%s: version %s, which a flag names, cannot be loaded: %s",
                    model,
                    version,
                    refused,
                )
            self._failed[model, version] = time.monotonic() + _TRY_AGAIN_SECONDS
            return
        self._failed.pop((model, version), None)
        self._ours.add((model, version))

    async def _unload(self, model: str, version: str) -> None:
        # As champion it stays, and somebody else may have unloaded it.
        if version in self._fleet.candidates(model):
            await self._fleet.unload(model, version)
