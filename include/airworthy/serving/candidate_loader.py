"""Loads the versions named by flags beside the champions, and unloads the versions not named."""

from __future__ import annotations

import asyncio
import logging
import time

from airworthy.protocol.refusals import RefusedError
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0

ModelVersion = tuple[str, str]


class CandidateLoader:
    """Loads the required versions. It unloads only versions loaded here."""

    def __init__(self, model_store: ModelStore) -> None:
        """Start with no version."""
        self._model_store = model_store
        self._required: set[ModelVersion] = set()
        self._loaded_here: set[ModelVersion] = set()
        self._retry_times: dict[ModelVersion, float] = {}
        self._task: asyncio.Task[None] | None = None

    def require(self, versions: set[ModelVersion]) -> None:
        """Set the versions to be loaded from now on."""
        self._required = versions
        self._retry_times = {
            version: retry_time
            for version, retry_time in self._retry_times.items()
            if version in versions
        }

    def loaded(self, model: str, version: str) -> LoadedModel | None:
        """Return a required version, if it is loaded."""
        return self._model_store.loaded_candidate(model, version)

    def failed(self, model: str, version: str) -> bool:
        """Tell whether the last attempt to load a required version failed."""
        return (model, version) in self._retry_times

    def reconcile(self) -> asyncio.Task[None]:
        """Return the task to load and unload versions as required. A running task continues."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._reconcile())
        return self._task

    async def close(self) -> None:
        """Stop loading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _reconcile(self) -> None:
        for model, version in sorted(self._loaded_here - self._required):
            self._loaded_here.discard((model, version))
            await self._unload(model, version)
        for model, version in sorted(self._required):
            loaded = self._model_store.loaded_candidate(model, version)
            retry_time = self._retry_times.get((model, version), 0)
            if loaded is None and time.monotonic() >= retry_time:
                await self._load(model, version)

    async def _load(self, model: str, version: str) -> None:
        try:
            await self._model_store.load_candidate(model, version)
        except RefusedError as refused:
            if (model, version) not in self._retry_times:
                log.error(
                    "%s: version %s, which a flag names, cannot be loaded: %s",
                    model,
                    version,
                    refused,
                )
            self._retry_times[model, version] = time.monotonic() + _RETRY_SECONDS
            return
        self._retry_times.pop((model, version), None)
        self._loaded_here.add((model, version))

    async def _unload(self, model: str, version: str) -> None:
        # A champion stays loaded, and another client may have unloaded the candidate.
        if version in self._model_store.candidates(model):
            await self._model_store.unload(model, version)
