"""A real server in this process, for as long as it is needed: for ``airworthy run`` when none is up, and for tests."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.predictions.spool import PredictionLog, open_prediction_log
from airworthy.serving.admin_token import ReadToken, ensure_token
from airworthy.serving.app import create_app
from airworthy.serving.async_registry import OpenRegistry
from airworthy.serving.loaded_model import Limits
from airworthy.serving.uvicorn_server import server_config

READY_SECONDS = 60.0


@dataclass(frozen=True)
class RunningServer:
    """Where a server listens, and its administration's token."""

    url: str
    token: str


@contextmanager
def running_server(environment: Environment) -> Iterator[RunningServer]:
    """Serve the environment's champions on a free loopback port, in a thread, until the block ends.

    Raises:
        TransientError: when the server is not ready in time.
    """
    from airworthy.registry.registry import open_registry

    # The token in the file is the one that other parts of this environment will send.
    token = ensure_token(environment.server_token_file)
    with serving(
        lambda: open_registry(environment),
        read_token=lambda: token,
        flags_file=environment.flags_file,
        prediction_log=open_prediction_log(environment),
    ) as running:
        yield running


@contextmanager
def serving(
    open_registry: OpenRegistry,
    *,
    read_token: ReadToken | None = None,
    limits: Limits | None = None,
    flags_file: Path | None = None,
    prediction_log: PredictionLog | None = None,
) -> Iterator[RunningServer]:
    """Serve any registry's champions; see `running_server`. The token is a new one unless `read_token` gives it."""
    token = (read_token() if read_token else None) or secrets.token_urlsafe(32)
    ready = threading.Event()
    app = create_app(
        open_registry,
        read_token or (lambda: token),
        limits,
        ready.set,
        flags_file=flags_file,
        prediction_log=prediction_log,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(server_config(app))
        thread = threading.Thread(
            target=server.run, args=([listening],), name="model-server", daemon=True
        )
        thread.start()
        try:
            if not ready.wait(READY_SECONDS):
                raise TransientError(f"the model server was not ready within {READY_SECONDS:.0f} s")
            yield RunningServer(f"http://127.0.0.1:{listening.getsockname()[1]}", token)
        finally:
            server.should_exit = True
            thread.join()
