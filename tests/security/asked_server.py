"""A server with the rules of one that listens beyond loopback; its socket is on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.core.serving.conftest import FolderRegistry

from airworthy.client_tokens import known_clients
from airworthy.server_settings import ServerSettings
from airworthy.serving.client_access import ClientAccess
from airworthy.serving.in_process_server import RunningServer, serving

BEYOND = "0.0.0.0"  # noqa: S104 - the rules of that address
ADMIN = "administration-of-this-test"


class Asked:
    """A server that listens beyond loopback, and the file of its clients."""

    def __init__(self, running: RunningServer, file: Path) -> None:
        self.url = running.url
        self.file = file

    def client(self, token: str | None, **headers: str) -> httpx.Client:
        """Return a client with a token."""
        sent = headers if token is None else {"authorization": f"Bearer {token}"} | headers
        return httpx.Client(base_url=self.url, headers=sent, timeout=30)


@contextmanager
def asked_server(root: Path, host: str = BEYOND, **settings: Any) -> Iterator[Asked]:
    """Serve with the rules of a server that listens at a host."""
    registry, file = FolderRegistry(root), root / "client_tokens.json"
    registry.add("eta", "1")
    registry.promote("eta", "1")
    access = ClientAccess(
        lambda: ADMIN,
        ServerSettings.model_validate(settings),
        lambda: known_clients(file),
        host=host,
        hosts=["model.example"],
    )
    with serving(
        lambda: registry, registry.record.following(), read_token=lambda: ADMIN, access=access
    ) as running:
        yield Asked(running, file)
