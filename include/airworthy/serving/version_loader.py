"""Loads the versions that the traffic names, and unloads all others.

A version is loaded from exactly the files whose digest an entry of the ledger names. A champion
that is loaded already takes over at once, without waiting for other loads. A champion that cannot
be loaded leaves the traffic to the one before it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from airworthy.errors import AirworthyError, TerminalError
from airworthy.ledger.events import ServerRole
from airworthy.serving.async_registry import AsyncRegistry
from airworthy.serving.kept_versions import KeptVersions
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.model_store import ModelStore
from airworthy.traffic.traffic_state import ServedVersion, Traffic

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
_TRANSIENT_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

_Key = tuple[str, ServedVersion]


@dataclass
class _Failure:
    """The last failure of a load, and the number of attempts so far."""

    error: AirworthyError
    attempts: int
    retry_at: float

    @property
    def is_final(self) -> bool:
        """Whether another attempt fails too, unless the files change."""
        return isinstance(self.error, TerminalError)


class VersionLoader:
    """Loads one version at a time."""

    def __init__(
        self,
        model_store: ModelStore,
        registry: AsyncRegistry,
        role: ServerRole,
        on_change: Callable[[], None],
        kept: KeptVersions | None = None,
    ) -> None:
        """Start with nothing to load.

        Args:
            model_store: Has the loaded versions.
            registry: Has the files.
            role: The server's role.
            on_change: Called after each load and each failure.
            kept: The versions on the server's own disk; None: it keeps none.
        """
        self._kept = kept
        self._model_store = model_store
        self._registry = registry
        self._role = role
        self._on_change = on_change
        self._wanted: dict[str, list[ServedVersion]] = {}
        self._champions: dict[str, ServedVersion] = {}
        self._failures: dict[_Key, _Failure] = {}
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()

    def follow(self, model: str, traffic: Traffic) -> None:
        """Set a model's versions. What needs no load happens at once."""
        wanted = list(traffic.versions(self._role))
        if traffic.champion is not None:
            self._champions[model] = traffic.champion
            wanted.insert(0, traffic.champion)
        elif traffic.retired is not None:
            self._champions.pop(model, None)
            self._model_store.drop_champion(model)
        self._wanted[model] = wanted
        self._failures = {
            key: failure
            for key, failure in self._failures.items()
            if key[1] in self._wanted[key[0]]
        }
        self._settle(model)
        self._wake.set()
        self._progress.set()

    def failure(self, model: str, version: ServedVersion) -> AirworthyError | None:
        """Return the error of a version whose last load failed."""
        failure = self._failures.get((model, version))
        return failure.error if failure else None

    def has_failed(self, model: str, version: ServedVersion) -> bool:
        """Tell whether a version cannot be loaded; see `failed`."""
        failure = self._failures.get((model, version))
        return failure is not None and failure.is_final

    def failed(self, model: str) -> dict[str, str]:
        """Return the reason by version, of the versions that cannot be loaded.

        A version whose registry is out of reach has not failed: it is tried again.
        """
        return {
            version.version: failure.error.problem
            for (name, version), failure in self._failures.items()
            if name == model and failure.is_final
        }

    async def run(self) -> None:
        """Load what is missing, until cancelled."""
        while True:
            self._wake.clear()
            missing = self._next()
            if missing is not None:
                await self._load(*missing)
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), self._seconds_to_retry())
            except TimeoutError:
                continue

    async def tried(self, model: str) -> None:
        """Return when each version of a model is loaded, or its last load failed."""
        await self._wait_until(
            lambda: all((model, each) in self._failures for each in self._missing(model))
        )

    async def settled(self) -> None:
        """Return when each version of all models is loaded, or can never be loaded."""
        await self._wait_until(lambda: all(self.has_failed(*key) for key in self._all_missing()))

    async def _wait_until(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            self._progress.clear()
            await self._progress.wait()

    def _missing(self, model: str) -> list[ServedVersion]:
        return [each for each in self._wanted.get(model, ()) if self._find(model, each) is None]

    def _find(self, model: str, version: ServedVersion) -> LoadedModel | None:
        """Return a loaded version; an entry that names no files finds none."""
        if version.bundle_digest is None:
            return None
        return self._model_store.find(model, version.version, version.bundle_digest)

    def _next(self) -> _Key | None:
        """Return the next version to load now: champions first."""
        now = time.monotonic()
        ready = [key for key in self._all_missing() if self._retry_at(key) <= now]
        ready.sort(key=lambda key: self._champions.get(key[0]) != key[1])
        return ready[0] if ready else None

    def _seconds_to_retry(self) -> float | None:
        times = [self._retry_at(key) for key in self._all_missing()]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _all_missing(self) -> list[_Key]:
        return [(model, each) for model in sorted(self._wanted) for each in self._missing(model)]

    def _retry_at(self, key: _Key) -> float:
        failure = self._failures.get(key)
        return failure.retry_at if failure else 0.0

    async def _load(self, model: str, version: ServedVersion) -> None:
        key = (model, version)
        try:
            loaded = await self._loaded(model, version)
        except AirworthyError as error:
            self._fail(key, error)
        except Exception as error:
            log.exception("%s: version %s", model, version.version)
            self._fail(key, TerminalError(f"{type(error).__name__}: {error}", model=model))
        else:
            self._failures.pop(key, None)
            # The traffic may have changed during the load.
            if version in self._wanted[model]:
                self._model_store.add_candidate(loaded)
                self._settle(model)
        self._progress.set()
        self._on_change()

    async def _loaded(self, model: str, version: ServedVersion) -> LoadedModel:
        if version.bundle_digest is None:
            raise TerminalError(
                f"the ledger names no files of version {version.version}",
                model=model,
                received="an entry without a digest",
                allowed="an entry with the digest of the version's files",
                next_step=f"release it again: airworthy release {model} {version.version}",
            )
        kept = await asyncio.to_thread(self._from_own_disk, model, version)
        if kept is not None:
            return kept
        folder, digest = await self._registry.call(
            lambda registry: registry.bundle(model, version.version)
        )
        if version.bundle_digest != digest:
            raise TerminalError(
                f"version {version.version} is registered with other files than the ledger names",
                model=model,
                received=f"digest {digest}",
                allowed=f"digest {version.bundle_digest}",
                next_step=f"airworthy ledger {model}, then release a version that is whole",
            )
        return await asyncio.to_thread(
            LoadedModel.load, model, version.version, folder, version.bundle_digest
        )

    def _from_own_disk(self, model: str, version: ServedVersion) -> LoadedModel | None:
        """Return a version that this server has kept, verified; None when it has to be fetched."""
        if self._kept is None or version.bundle_digest is None:
            return None
        folder = self._kept.bundle(model, version.bundle_digest)
        if folder is None:
            return None
        try:
            return LoadedModel.load(model, version.version, folder, version.bundle_digest)
        except AirworthyError as error:
            log.error("%s: version %s is fetched again: %s", model, version.version, error.problem)
            return None

    def _fail(self, key: _Key, error: AirworthyError) -> None:
        model, version = key
        if version not in self._wanted[model]:
            return
        last = self._failures.get(key)
        if last is None or last.error.problem != error.problem:
            log.error("%s: version %s cannot be loaded: %s", model, version.version, error)
        attempts = last.attempts + 1 if last else 1
        delay = _RETRY_SECONDS
        if not isinstance(error, TerminalError):
            delay = _TRANSIENT_RETRY_SECONDS[min(attempts, len(_TRANSIENT_RETRY_SECONDS)) - 1]
        self._failures[key] = _Failure(error, attempts, time.monotonic() + delay)

    def _settle(self, model: str) -> None:
        """Switch to the champion, if it is loaded, and unload what nobody names."""
        store, champion = self._model_store, self._champions.get(model)
        wanted = self._wanted[model]
        if champion is not None:
            loaded = self._find(model, champion)
            if loaded is not None and loaded is not store.champion(model):
                previous = store.set_champion(loaded)
                if previous is not None and _is_named(previous, wanted):
                    store.add_candidate(previous)
        for candidate in store.candidates(model):
            if not _is_named(candidate, wanted):
                store.drop_candidate(model, candidate.version)


def _is_named(loaded: LoadedModel, wanted: list[ServedVersion]) -> bool:
    return any(
        loaded.version == each.version and each.bundle_digest == loaded.digest for each in wanted
    )
