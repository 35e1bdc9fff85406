"""The configuration of uvicorn, which runs the model server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from airworthy.server_limits import ServerLimits
from airworthy.serving.bounded_http import BoundedHTTP

if TYPE_CHECKING:
    from fastapi import FastAPI

_DRAIN_SECONDS = 20
# Longer than the usual minute of proxies and clients: a reused connection must not be closed.
_KEEP_ALIVE_SECONDS = 75


def server_config(
    app: FastAPI | Callable[..., FastAPI],
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: ServerLimits | None = None,
) -> uvicorn.Config:
    """Return the server's configuration: uvloop, httptools, no access log, a graceful shutdown.

    Args:
        app: The app to serve, or a function to make it.
        host: The address to listen at.
        port: The port to listen at.
        limits: What a client may take of each connection. None: the usual limits.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHTTP(limits or ServerLimits()),  # type: ignore[arg-type]
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
