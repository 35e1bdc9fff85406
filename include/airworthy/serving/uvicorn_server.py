"""Serves an environment's champions: ``python -m airworthy serve``."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from airworthy.serving.server_config import server_config
from airworthy.serving.shared_port import reserved_port

if TYPE_CHECKING:
    from fastapi import FastAPI

    from airworthy.ledger.events import ServerRole
    from airworthy.serving.shared_metrics import SharedMetrics


def serve(host: str, port: int, role: ServerRole = "production", workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM. Running requests are answered first.

    Args:
        host: The address to listen at.
        port: The port to listen at.
        role: The role of the server: it loads the candidates for this role.
        workers: The number of processes. Each loads its own models. 1: this one.

    Raises:
        TerminalError: when the environment file is wrong; when another program has the port.
    """
    # A request has few rows: threads of Polars only slow it down. Polars reads this at its import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    if workers == 1:
        with reserved_port(host, port):
            pass  # A taken port is told before the models are loaded.
        uvicorn.Server(server_config(environment_app(role), host, port)).run()
        return
    from airworthy.environment import load_environment
    from airworthy.serving.workers import serve_with_workers

    folder = load_environment().state / "server_metrics"
    serve_with_workers(
        partial(environment_app, role), workers, host=host, port=port, metrics=folder
    )


def environment_app(role: ServerRole, shared_metrics: SharedMetrics | None = None) -> FastAPI:
    """Return the app for the environment's champions.

    Args:
        role: The role of the server.
        shared_metrics: The metrics of all workers, or None; see `create_app`.

    Raises:
        TerminalError: when the environment file is wrong.
    """
    from airworthy.environment import load_environment
    from airworthy.predictions.spool import open_prediction_log
    from airworthy.registry.registry import open_registry
    from airworthy.serving.admin_token import token_reader
    from airworthy.serving.app import create_app
    from airworthy.serving.record_reader import following_of

    environment = load_environment()
    return create_app(
        lambda: open_registry(environment),
        following_of(environment, role),
        token_reader(environment.server_token_file),
        prediction_log=open_prediction_log(environment),
        shared_metrics=shared_metrics,
    )
