"""Refusals of requests: an HTTP status, one sentence, and the accepted values."""

from __future__ import annotations

import reprlib
from typing import Any

from airworthy.errors import AirworthyError, TerminalError

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def short_repr(value: object) -> str:
    """Return a short text of a received value of any size.

    >>> short_repr(list(range(1000)))
    '[0, 1, 2, 3, 4, 5, ...]'
    """
    return _short.repr(value)


class RefusedError(Exception):
    """A refused request: its response has a 4xx or 5xx status and a body with the next step.

    Attributes:
        retry_after: The seconds after which a client may try again, told with 429 and 503.
    """

    retry_after = 1

    def __init__(  # noqa: PLR0913 - mirrors the fields of the response's JSON
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
        """Keep the parts apart: a client can use each.

        Args:
            status: The HTTP status.
            problem: One sentence. It names the field, if one is wrong.
            field: The wrong column or key.
            row: The first wrong row, counted from 0.
            received: The received value.
            allowed: The accepted values.
            next_step: The action to take next.
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make a copy in another process."""
        return _refused_again, (type(self), self.status, self.parts)

    @property
    def body(self) -> dict[str, Any]:
        """The response's JSON: the parts with a value."""
        return {name: part for name, part in self.parts.items() if part is not None}


def _refused_again(kind: type[RefusedError], status: int, parts: dict[str, Any]) -> RefusedError:
    named = {name: part for name, part in parts.items() if name != "error"}
    return kind(status, parts["error"], **named)


class NotComputableError(RefusedError):
    """A version's features cannot take the values of a well-formed request.

    The fault is the request's, or the version's: another version may answer it.
    """


def refusal_of(error: AirworthyError) -> RefusedError:
    """Return the response for an error of loading a version.

    The status is 409 for a terminal error, and 503 for a transient one.
    """
    return RefusedError(
        409 if isinstance(error, TerminalError) else 503,
        f"{error.model}: {error.problem}" if error.model else error.problem,
        received=None if error.received is None else str(error.received),
        allowed=None if error.allowed is None else str(error.allowed),
        next_step=error.next_step,
    )
