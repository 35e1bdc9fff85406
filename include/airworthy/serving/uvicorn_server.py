"""Serves an environment's champions: ``python -m airworthy serve``."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from airworthy.serving.server_config import server_config
from airworthy.serving.shared_port import handed_socket, own_socket, start_anew

if TYPE_CHECKING:
    from fastapi import FastAPI

    from airworthy.ledger.events import ServerRole
    from airworthy.server_limits import ServerLimits
    from airworthy.serving.shared_metrics import SharedMetrics
    from airworthy.serving.tls import TlsFiles


class _Server(uvicorn.Server):
    """A server that says its address when it listens, and can hand its socket over."""

    def __init__(
        self, config: uvicorn.Config, url: str, on_address: Callable[[str], None] | None
    ) -> None:
        super().__init__(config)
        self.hands_over = False
        self._url = url
        self._on_address = on_address

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self._on_address is not None:
            self._on_address(self._url)

    def hand_over(self) -> None:
        """End, so that the next server can take the socket. Clients may wait at it meanwhile."""
        self.hands_over = self.should_exit = True
        http: Any = self.config.http
        http.hand_over()


def serve(
    host: str,
    port: int,
    role: ServerRole = "production",
    workers: int = 1,
    on_address: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Running requests are answered first.

    SIGUSR2 starts the server anew, with the same command and the same socket: it loses no request.

    Args:
        host: The address to listen at.
        port: The port to listen at; 0: a free one, for one process.
        role: The role of the server: it loads the candidates for this role.
        workers: The number of processes. Each loads its own models. 1: this one.
        on_address: Called with the server's URL as soon as it listens, or as its workers start. None: nobody is told.

    Raises:
        TerminalError: when the environment file or the certificate is wrong, or another program
            has the port.
    """
    # A request has few rows: threads of Polars only slow it down. Polars reads this at its import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    _allow_open_files()
    from airworthy.environment import load_environment
    from airworthy.serving.tls import tls_files

    environment = load_environment()
    tls = tls_files(environment)
    if workers == 1:
        serve_alone(
            lambda takes_over: environment_app(role, host=host, takes_over=takes_over),
            host,
            port,
            environment.server.limits,
            on_address,
            tls=tls,
        )
        return
    from airworthy.serving.workers import serve_with_workers

    if on_address is not None:
        on_address(_url(host, port, tls))
    serve_with_workers(
        partial(environment_app, role, host=host),
        workers,
        host=host,
        port=port,
        metrics=environment.state / "server_metrics",
        limits=environment.server.limits,
        tls=tls,
    )


def serve_alone(
    make_app: Callable[[bool], FastAPI],
    host: str,
    port: int,
    limits: ServerLimits,
    on_address: Callable[[str], None] | None = None,
    *,
    tls: TlsFiles | None = None,
) -> None:
    """Serve with this process; see `serve`.

    Args:
        make_app: Returns the app. It is told whether clients wait at the socket already.
        host: The address to listen at.
        port: The port to listen at; 0: a free one.
        limits: What a client may take of each connection.
        on_address: Called with the server's URL as soon as it listens. None: nobody is told.
        tls: The files of its certificate. None: no TLS.

    Raises:
        TerminalError: when another program has the port.
    """
    handed = handed_socket()
    with closing(handed or own_socket(host, port)) as bound:
        url = _url(host, bound.getsockname()[1], tls)
        app = make_app(handed is not None)
        server = _Server(server_config(app, host, port, limits, tls), url, on_address)
        with bound.dup() as kept:
            signal.signal(signal.SIGUSR2, lambda *_: server.hand_over())
            server.run([bound])
            if server.hands_over:
                start_anew(kept)


def _allow_open_files() -> None:
    """Allow this process as many open files as the machine does: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _url(host: str, port: int, tls: TlsFiles | None) -> str:
    scheme = "http" if tls is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def environment_app(
    role: ServerRole,
    shared_metrics: SharedMetrics | None = None,
    *,
    host: str = "127.0.0.1",
    takes_over: bool = False,
) -> FastAPI:
    """Return the app for the environment's champions.

    Args:
        role: The role of the server.
        shared_metrics: The metrics of all workers, or None; see `create_app`.
        host: The address that the server listens at.
        takes_over: Whether clients wait at the socket already; see `create_app`.

    Raises:
        TerminalError: when the environment file is wrong.
    """
    from airworthy.environment import load_environment
    from airworthy.predictions.spool import open_prediction_log
    from airworthy.registry.registry import open_registry
    from airworthy.serving.admin_token import token_reader
    from airworthy.serving.app import create_app
    from airworthy.serving.environment_access import environment_access
    from airworthy.serving.record_reader import following_of

    environment = load_environment()
    read_token = token_reader(environment.server_token_file)
    return create_app(
        lambda: open_registry(environment),
        following_of(environment, role),
        read_token,
        access=environment_access(environment, read_token, host),
        prediction_log=open_prediction_log(environment),
        shared_metrics=shared_metrics,
        takes_over=takes_over,
    )
