"""Reaching the environment's model server with the token that its administration asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.environment import Environment
from airworthy.release.client import ServerClient


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
