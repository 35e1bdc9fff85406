"""A model server in this process: for ``airworthy run`` without a running server, and for tests."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import uvicorn

from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.predictions.spool import PredictionLog, open_prediction_log
from airworthy.serving.admin_token import ReadToken, ensure_token
from airworthy.serving.app import create_app
from airworthy.serving.async_registry import OpenRegistry
from airworthy.serving.client_access import ClientAccess
from airworthy.serving.environment_access import environment_access
from airworthy.serving.loaded_model import Limits
from airworthy.serving.record_reader import LOCAL_LOOKS, Following, following_of
from airworthy.serving.server_config import server_config

READY_TIMEOUT_SECONDS = 60.0
_LOOKS = replace(LOCAL_LOOKS, notices=0.05)


@dataclass(frozen=True)
class RunningServer:
    """A server's address, and the token of its administration."""

    url: str
    token: str


@contextmanager
def running_server(environment: Environment) -> Iterator[RunningServer]:
    """Serve the environment's champions on a free loopback port, in a thread, until the block ends.

    Raises:
        TransientError: when the server is not ready within `READY_TIMEOUT_SECONDS`.
    """
    from airworthy.registry.registry import open_registry

    # Other parts of this environment send the token in the file.
    token = ensure_token(environment.server_token_file)
    with serving(
        lambda: open_registry(environment),
        _following_closely(environment),
        read_token=lambda: token,
        prediction_log=open_prediction_log(environment),
        access=environment_access(environment, lambda: token, "127.0.0.1"),
    ) as running:
        yield running


def _following_closely(environment: Environment) -> Following:
    """Return the environment's record. A lake on a disk is looked at more often: a run waits."""
    following = following_of(environment)
    # Nobody asks this server to go back: it keeps no versions.
    following = replace(following, own_disk=None)
    return replace(following, looks=_LOOKS) if following.looks == LOCAL_LOOKS else following


@contextmanager
def serving(
    open_registry: OpenRegistry,
    following: Following,
    *,
    read_token: ReadToken | None = None,
    limits: Limits | None = None,
    prediction_log: PredictionLog | None = None,
    access: ClientAccess | None = None,
) -> Iterator[RunningServer]:
    """Serve any registry's champions; see `running_server`.

    Args:
        open_registry: Opens the registry of the versions.
        following: The record of the models' traffic, and the place of the server's reports.
        read_token: Returns administration's token. None: a new random token.
        limits: The limits of one request.
        prediction_log: Logs every answer. None: no log.
        access: Who may ask. None: the rules of a server on loopback.
    """
    token = (read_token() if read_token else None) or secrets.token_urlsafe(32)
    ready = threading.Event()
    app = create_app(
        open_registry,
        following,
        read_token or (lambda: token),
        limits,
        ready.set,
        prediction_log=prediction_log,
        access=access,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(server_config(app, limits=following.settings.limits))
        thread = threading.Thread(
            target=server.run, args=([listening],), name="model-server", daemon=True
        )
        thread.start()
        try:
            if not ready.wait(READY_TIMEOUT_SECONDS):
                raise TransientError(
                    f"the model server was not ready within {READY_TIMEOUT_SECONDS:.0f} s"
                )
            yield RunningServer(f"http://127.0.0.1:{listening.getsockname()[1]}", token)
        finally:
            server.should_exit = True
            thread.join()
