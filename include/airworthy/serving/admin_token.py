"""The bearer token of administration: of a variable, or of a file of this machine."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from airworthy.protocol.refusals import RefusedError
from airworthy.server_settings import SERVER_TOKEN, server_token

TokenCheck = Callable[[bytes | None], None]
ReadToken = Callable[[], str | None]


def token_reader(path: Path) -> ReadToken:
    """Return a function to read the token of the environment's variable, else that in a file.

    It reads the file at each call: the token can change under a running server.
    """
    return lambda: server_token(path)


def ensure_token(path: Path) -> str:
    """Return the token of the environment's variable, else that in a file.

    A missing file is created with a random token. Only its owner can read it.
    """
    token = server_token(path)
    if token is not None:
        return token
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(token)
    return token


def token_check(read_token: ReadToken) -> TokenCheck:
    """Return a function to refuse an Authorization header without the token."""

    def check(header: bytes | None) -> None:
        token = read_token()
        if token is None:
            raise RefusedError(
                403,
                "administration is closed: this server has no token",
                next_step=f"set {SERVER_TOKEN}, or put a token into its token file",
            )
        if header is None or not header.lower().startswith(b"bearer "):
            raise RefusedError(
                401,
                "administration asks for a token",
                field="authorization",
                allowed="Authorization: Bearer <token>",
            )
        if not hmac.compare_digest(header[7:].strip(), token.encode()):
            raise RefusedError(403, "this is not the administration's token", field="authorization")

    return check
