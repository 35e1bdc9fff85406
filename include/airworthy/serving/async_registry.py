"""What the model server asks of a model registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from airworthy.errors import AirworthyError, TransientError
from airworthy.protocol.refusals import RefusedError

Answer = TypeVar("Answer")


class Registry(Protocol):
    """Where registered versions come from. Calls may block: the server makes them off its event loop.

    Each may raise a `TerminalError` (no such version) or a `TransientError` (the registry is out of reach).
    """

    def models(self) -> list[str]:
        """Return the names of all registered models."""
        ...

    def champion(self, model: str) -> str | None:
        """Return the version that serves in production, or None."""
        ...

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return a version's local bundle folder and the digest that was recorded at its registration."""
        ...

    def example(self, model: str, version: str) -> dict[str, Any] | None:
        """Return a body that the version accepts, as it was logged with the model, or None."""
        ...


OpenRegistry = Callable[[], Registry]


class AsyncRegistry:
    """Asks a registry in a thread. It is opened at the first question, so that it may come up after the server."""

    def __init__(self, open_registry: OpenRegistry) -> None:
        """Keep how to open it."""
        self._open_registry = open_registry
        self._registry: Registry | None = None

    async def ask(self, question: Callable[[Registry], Answer]) -> Answer:
        """Return the answer to a question.

        Raises:
            TerminalError: what the registry raises.
            TransientError: what the registry raises; and anything that is none of ours, such as a lost connection.
        """
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[Registry], Answer]) -> Answer:
        try:
            if self._registry is None:
                self._registry = self._open_registry()
            return question(self._registry)
        except (AirworthyError, RefusedError):
            raise
        except Exception as error:
            problem = f"the model registry did not answer: {type(error).__name__}: {error}"
            raise TransientError(
                problem, next_step="check that the registry is up, then ask again"
            ) from error


def champion_version(registry: Registry, model: str) -> str:
    """Return the champion's version.

    Raises:
        RefusedError: 404 for an unknown model, 503 for a model without a champion.
    """
    known = registry.models()
    if model not in known:
        allowed = ", ".join(known) or "no model is registered yet"
        raise RefusedError(
            404,
            f"there is no model {model!r}",
            received=model,
            allowed=allowed,
            next_step="GET /models",
        )
    version = registry.champion(model)
    if version is None:
        raise RefusedError(
            503,
            f"{model} has no champion yet",
            received="no champion",
            allowed="a registered version as champion",
            next_step=f"train and release one: airworthy run {model}",
        )
    return version
