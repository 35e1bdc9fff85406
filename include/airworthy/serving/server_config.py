"""The configuration of uvicorn, which runs the model server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from airworthy.server_limits import ServerLimits
from airworthy.serving.bounded_http import BoundedHTTP
from airworthy.serving.tls import RenewedContext, TlsFiles

if TYPE_CHECKING:
    import ssl

    from fastapi import FastAPI

_DRAIN_SECONDS = 20
# Longer than the usual minute of proxies and clients: a reused connection must not be closed.
_KEEP_ALIVE_SECONDS = 75


def server_config(
    app: FastAPI | Callable[..., FastAPI],
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: ServerLimits | None = None,
    tls: TlsFiles | None = None,
) -> uvicorn.Config:
    """Return the server's configuration: uvloop, httptools, no access log, a graceful shutdown.

    Args:
        app: The app to serve, or a function to make it.
        host: The address to listen at.
        port: The port to listen at.
        limits: What a client may take of each connection. None: the usual limits.
        tls: The files of its certificate. None: no TLS.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHTTP(limits or ServerLimits()),  # type: ignore[arg-type]
        ws="none",
        ssl_context_factory=None if tls is None else partial(_tls_context, tls),
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def _tls_context(files: TlsFiles, *_: Any) -> ssl.SSLContext:
    """Return the context to listen with. It is made in the process that listens: none can be pickled."""
    return RenewedContext(files).first
