"""Requests that are refused: an HTTP status, one sentence, and what would have been accepted."""

from __future__ import annotations

import reprlib
from typing import Any

from airworthy.errors import AirworthyError, TerminalError

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def shown(value: object) -> str:
    """Return a short text of a received value, however large it is."""
    return _short.repr(value)


class RefusedError(Exception):
    """A request that is answered with a 4xx or 5xx status and a body that says what to change."""

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        field: str | None = None,
        row: int | None = None,
        received: str | None = None,
        allowed: str | None = None,
        next_step: str | None = None,
    ) -> None:
        """Keep the parts apart, so that a client can use each.

        Args:
            status: The HTTP status.
            problem: One sentence; it names the field, when one is concerned.
            field: The column or key that is wrong.
            row: The first wrong row, counted from 0.
            received: What was found.
            allowed: What would have been accepted.
            next_step: What to do next.
        """
        super().__init__(problem)
        self.status = status
        self.parts = {
            "error": problem,
            "field": field,
            "row": row,
            "received": received,
            "allowed": allowed,
            "next_step": next_step,
        }

    @property
    def body(self) -> dict[str, Any]:
        """The reply's JSON: the parts that are known."""
        return {name: part for name, part in self.parts.items() if part is not None}


def refusal_of(error: AirworthyError) -> RefusedError:
    """Return the reply for an error of loading a version: 409 when it will fail again, 503 when it may pass."""
    return RefusedError(
        409 if isinstance(error, TerminalError) else 503,
        f"{error.model}: {error.problem}" if error.model else error.problem,
        received=None if error.received is None else str(error.received),
        allowed=None if error.allowed is None else str(error.allowed),
        next_step=error.next_step,
    )
