"""The model registry as the model server reads it: blocking calls, made in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from airworthy.errors import AirworthyError, TransientError
from airworthy.protocol.refusals import RefusedError, refusal_of
from airworthy.serving.loaded_model import LoadedModel

Result = TypeVar("Result")


class RegistryReader(Protocol):
    """A source of registered versions. Calls may block: the server makes them off its event loop.

    Each may raise a `TerminalError` (no such version) or a `TransientError` (the registry is out of
    reach).
    """

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return a version's local bundle folder and the digest recorded at its registration."""
        ...

    def example(self, model: str, version: str) -> dict[str, Any] | None:
        """Return a valid request body of the version, as logged with the model, or None."""
        ...

    def aliases(self) -> dict[str, dict[str, str]]:
        """Return alias -> version, by model, of all registered models."""
        ...

    def is_foreign(self, model: str, version: str | None) -> bool:
        """Return whether another environment registered a version."""
        ...


OpenRegistry = Callable[[], RegistryReader]


class AsyncRegistry:
    """Queries a registry in a thread.

    It is opened at the first query, so the registry may come up after the server.
    """

    def __init__(self, open_registry: OpenRegistry) -> None:
        """Keep the function to open it."""
        self._open_registry = open_registry
        self._registry: RegistryReader | None = None

    async def call(self, query: Callable[[RegistryReader], Result]) -> Result:
        """Return the result of a query.

        Raises:
            TerminalError: as the registry raises it.
            TransientError: as the registry raises it; and in place of any error of a library, such
                as a lost connection.
        """
        return await asyncio.to_thread(self._call, query)

    async def example(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return a version's logged request body.

        Raises:
            RefusedError: 404 when none was logged with it, 503 when the registry is out of reach.
        """
        try:
            body = await self.call(lambda registry: registry.example(loaded.model, loaded.version))
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

    def _call(self, query: Callable[[RegistryReader], Result]) -> Result:
        try:
            if self._registry is None:
                self._registry = self._open_registry()
            return query(self._registry)
        except AirworthyError:
            raise
        except Exception as error:
            problem = f"the model registry did not answer: {type(error).__name__}: {error}"
            raise TransientError(
                problem, next_step="check that the registry is up, then ask again"
            ) from error
