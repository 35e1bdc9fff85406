"""Reaching the environment's model server with the token that its administration asks for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.handover import VersionRef
from airworthy.release.client import ServerClient

log = logging.getLogger("airworthy.release")


@contextmanager
def open_server(environment: Environment) -> Iterator[ServerClient]:
    """Yield a client for the environment's server and close it after; nothing is sent by this alone."""
    path = environment.server_token_file
    token = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    client = ServerClient(environment.server_url, token)
    try:
        yield client
    finally:
        client.close()


def discard(server: ServerClient, version: VersionRef) -> None:
    """Unload a candidate that is not released, so that the server does not keep it; the champion stays in any case."""
    try:
        server.unload(version.model, version.version)
    except AirworthyError as error:
        # It is the champion, was not loaded, or the server is down: nothing that has to stop what goes on.
        log.info("version %s was not unloaded: %s", version.version, error.problem)
