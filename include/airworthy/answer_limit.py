"""The limit of the wait for a service: whoever waits learns within 15 s which one is silent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from airworthy.errors import TransientError

ANSWER_SECONDS = 15.0
_Result = TypeVar("_Result")


def within_limit(contact: Callable[[], _Result], service: str, address: str) -> _Result:
    """Return the result of a first contact with a service, or give it up after `ANSWER_SECONDS`.

    Many client libraries have no limit of their own for it, or one for each attempt only. The
    contact runs in a thread of its own. One that is given up is left behind, and ends with the
    process.

    Args:
        contact: The contact; it may block.
        service: The service in a few words, such as ``the database``.
        address: Its address, without secrets.

    Raises:
        TransientError: when there is no answer within the limit.
        BaseException: each error of the contact.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(contact())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name=f"contact with {service}", daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    if errors:
        raise errors[0]
    if not results:
        raise silent(service, address)
    return results[0]


def silent(service: str, address: str) -> TransientError:
    """Return the error of a service without an answer.

    Args:
        service: The service in a few words.
        address: Its address, without secrets.
    """
    return TransientError(
        f"{service} did not answer within {ANSWER_SECONDS:.0f} s",
        received=address,
        next_step="check that it is up and can be reached from here, then run again",
    )
