"""Reaching the environment's model servers with the token that their administration asks for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.release.server_client import ServerClient

log = logging.getLogger("airworthy.release")

Where = Literal["staging", "production"]


@contextmanager
def open_server(environment: Environment, where: Where = "production") -> Iterator[ServerClient]:
    """Yield a client for one of the environment's servers and close it after; nothing is sent by this alone.

    An environment without a server for staging has one server, in which versions are checked beside the champion.
    """
    path = environment.server_token_file
    token = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    url = environment.staging_server_url if where == "staging" else None
    client = ServerClient(url or environment.server_url, token)
    try:
        yield client
    finally:
        client.close()


def discard(server: ServerClient, model: str, version: str) -> None:
    """Unload a candidate that takes no traffic, so that the server does not keep it; the champion stays in any case."""
    try:
        server.unload(model, version)
    except AirworthyError as error:
        # It is the champion, was not loaded, or the server is down: nothing that has to stop what goes on.
        log.info("version %s was not unloaded: %s", version, error.problem)
