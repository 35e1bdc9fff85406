"""Access to the environment's model servers, with their administration's token."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.release.server_client import ServerClient

log = logging.getLogger("airworthy.release")

ServerRole = Literal["staging", "production"]


@contextmanager
def open_server(
    environment: Environment, role: ServerRole = "production"
) -> Iterator[ServerClient]:
    """Yield a client for one of the environment's servers and close it after. Sends no request.

    An environment without a staging server has one server. It checks versions beside the champion.
    """
    path = environment.server_token_file
    token = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    url = environment.staging_server_url if role == "staging" else None
    client = ServerClient(url or environment.server_url, token)
    try:
        yield client
    finally:
        client.close()


def discard_candidate(server: ServerClient, model: str, version: str) -> None:
    """Unload a candidate without traffic, so that the server does not keep it. Never raises.

    The server never unloads its champion.

    Args:
        server: The server.
        model: The registered model's name.
        version: The candidate.
    """
    try:
        server.unload(model, version)
    except AirworthyError as error:
        # It is the champion, was not loaded, or the server is down. The caller can go on.
        log.info("version %s was not unloaded: %s", version, error.problem)
