"""The access rules of a server of an environment."""

from __future__ import annotations

import logging
import socket
from functools import partial
from urllib.parse import urlsplit

from airworthy.client_tokens import known_clients
from airworthy.environment import Environment
from airworthy.serving.admin_token import ReadToken
from airworthy.serving.client_access import ClientAccess, is_loopback

log = logging.getLogger(__name__)


def environment_access(environment: Environment, read_token: ReadToken, host: str) -> ClientAccess:
    """Return the rules of a server that listens at a host, and say in the log what they leave open.

    Args:
        environment: The environment.
        read_token: Returns administration's token, or None.
        host: The address that the server listens at.

    Raises:
        TerminalError: when the clients' tokens are malformed.
    """
    file = environment.client_tokens_file
    known = known_clients(file)
    urls = [environment.server_url, environment.staging_server_url or ""]
    names = [name for url in urls if (name := urlsplit(url).hostname)]
    access = ClientAccess(
        read_token,
        environment.server,
        partial(known_clients, file),
        host=host,
        hosts=[*names, socket.gethostname()],
    )
    if access.required and not known:
        log.warning("no client has a token, so nobody is answered: airworthy clients add NAME")
    if not access.required and not is_loopback(host):
        log.warning("%s is open to whoever reaches it: server.clients.required is never", host)
    if environment.server.tls is None and not is_loopback(host):
        log.warning(
            "tokens and rows go over %s without TLS: set server.tls, or put a proxy with TLS before it",
            host,
        )
    return access
