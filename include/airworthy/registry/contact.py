"""The first contact with MLflow: whether anything answers at its address."""

from __future__ import annotations

import time
from typing import Final

from airworthy.answer_limit import within_limit
from airworthy.errors import TransientError
from airworthy.registry.mlflow_errors import without_secrets

_RESTART_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.25


def require_answer(uri: str) -> None:
    """Check that a server answers at an ``http`` or ``https`` address, whatever it answers.

    MLflow's own client tries eight times, for four minutes. A server that refuses connections is
    given the time of a restart.

    Args:
        uri: The address.

    Raises:
        TransientError: when nothing answers within the limit.
    """
    until = time.monotonic() + _RESTART_SECONDS
    while True:
        try:
            within_limit(lambda: _ask(uri), "MLflow", without_secrets(uri))
            return
        except ConnectionError as error:
            if time.monotonic() > until:
                raise TransientError(
                    f"MLflow did not answer: {error}",
                    received=without_secrets(uri),
                    next_step="check that MLflow is up, then run again",
                ) from None
        time.sleep(_PAUSE_SECONDS)


def _ask(uri: str) -> None:
    """Ask for the server's health. Nothing secret is sent, so no certificate is checked.

    Raises:
        ConnectionError: when no connection is made.
    """
    import httpx

    # The client does not read the login that the address may have.
    url = httpx.URL(uri.rstrip("/") + "/health").copy_with(userinfo=b"")
    try:
        httpx.get(url, timeout=None, verify=False)  # noqa: S113, S501 - within_limit has the limit
    except httpx.ConnectError as error:
        raise ConnectionError(str(error)) from error
    except httpx.HTTPError:
        return  # It answered, though not by HTTP: MLflow's client says what is wrong.
