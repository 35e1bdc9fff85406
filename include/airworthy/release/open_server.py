"""Access to the environment's model servers, with the token for scoring a loaded version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airworthy.environment import Environment
from airworthy.ledger.events import ServerRole
from airworthy.release.server_client import ServerClient
from airworthy.server_settings import server_token


@contextmanager
def open_server(
    environment: Environment, role: ServerRole = "production"
) -> Iterator[ServerClient]:
    """Yield a client for the environment's servers of a role and close it after. Sends no request.

    An environment without a staging server has one server. It checks versions beside the champion.
    """
    token = server_token(environment.server_token_file)
    url = environment.staging_server_url if role == "staging" else None
    client = ServerClient(url or environment.server_url, token)
    try:
        yield client
    finally:
        client.close()
