"""Serves an environment's champions: ``python -m airworthy serve``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from socket import socket
from typing import TYPE_CHECKING

import uvicorn

from airworthy.serving.server_config import server_config
from airworthy.serving.shared_port import own_socket

if TYPE_CHECKING:
    from fastapi import FastAPI

    from airworthy.ledger.events import ServerRole
    from airworthy.serving.shared_metrics import SharedMetrics


class _Server(uvicorn.Server):
    """A server that says its address when it listens."""

    def __init__(
        self, config: uvicorn.Config, url: str, on_address: Callable[[str], None] | None
    ) -> None:
        super().__init__(config)
        self._url = url
        self._on_address = on_address

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self._on_address is not None:
            self._on_address(self._url)


def serve(
    host: str,
    port: int,
    role: ServerRole = "production",
    workers: int = 1,
    on_address: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Running requests are answered first.

    Args:
        host: The address to listen at.
        port: The port to listen at; 0: a free one, for one process.
        role: The role of the server: it loads the candidates for this role.
        workers: The number of processes. Each loads its own models. 1: this one.
        on_address: Called with the server's URL as soon as it listens, or as its workers start. None: nobody is told.

    Raises:
        TerminalError: when the environment file is wrong, or another program has the port.
    """
    # A request has few rows: threads of Polars only slow it down. Polars reads this at its import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    if workers == 1:
        with closing(own_socket(host, port)) as bound:
            url = _url(host, bound.getsockname()[1])
            config = server_config(environment_app(role, host=host), host, port)
            _Server(config, url, on_address).run([bound])
        return
    from airworthy.environment import load_environment
    from airworthy.serving.workers import serve_with_workers

    folder = load_environment().state / "server_metrics"
    if on_address is not None:
        on_address(_url(host, port))
    serve_with_workers(
        partial(environment_app, role, host=host), workers, host=host, port=port, metrics=folder
    )


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def environment_app(
    role: ServerRole, shared_metrics: SharedMetrics | None = None, host: str = "127.0.0.1"
) -> FastAPI:
    """Return the app for the environment's champions.

    Args:
        role: The role of the server.
        shared_metrics: The metrics of all workers, or None; see `create_app`.
        host: The address that the server listens at.

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
    )
