"""The tokens of the model servers' clients: of a variable, or of a file of this machine.

The file has digests only: a token is shown once, when it is made. A token is random and long, so
that a plain digest of it gives nothing away.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from airworthy.errors import TerminalError

CLIENT_TOKENS = "AIRWORTHY_CLIENT_TOKENS"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_SHORTEST = 16
_LOCK_SECONDS = 10


class KnownClient(BaseModel):
    """One token of a client. A client with several of them is one client.

    Attributes:
        name: The client's name.
        sha256: The token's digest.
        since: The time of its making, UTC; None: it is of the variable.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    since: AwareDatetime | None = None


class _File(BaseModel):
    clients: list[KnownClient] = []


def token_digest(token: bytes) -> str:
    """Return a token's digest."""
    return hashlib.sha256(token).hexdigest()


def known_clients(file: Path) -> list[KnownClient]:
    """Return the clients of the variable; without it, those of a file, which may be missing.

    Args:
        file: `Environment.client_tokens_file`.

    Raises:
        TerminalError: when the variable or the file is malformed.
    """
    text = os.environ.get(CLIENT_TOKENS, "").strip()
    return _of_variable(text) if text else _read(file)


def add_client(file: Path, name: str) -> str:
    """Give a client a further token, and return it. Its other tokens stay good.

    Args:
        file: `Environment.client_tokens_file`.
        name: The client's name.

    Raises:
        TerminalError: when the name or the file is malformed.
    """
    _check_name(name)
    token = secrets.token_urlsafe(32)
    known = KnownClient(name=name, sha256=token_digest(token.encode()), since=datetime.now(UTC))
    with _alone(file):
        _write(file, [*_read(file), known])
    return token


def remove_client(file: Path, name: str) -> int:
    """Take all tokens from a client. Return their number.

    Args:
        file: `Environment.client_tokens_file`.
        name: The client's name.

    Raises:
        TerminalError: when the file is malformed.
    """
    with _alone(file):
        before = _read(file)
        after = [each for each in before if each.name != name]
        if len(after) < len(before):
            _write(file, after)
    return len(before) - len(after)


def _alone(file: Path) -> FileLock:
    """Return the lock of a file: of two changes at once none is lost."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file.with_name(f".{file.name}.lock"), timeout=_LOCK_SECONDS, mode=0o600)


def _of_variable(text: str) -> list[KnownClient]:
    clients = []
    for position, pair in enumerate(re.split(r"[,\s]+", text), 1):
        name, _, token = pair.partition("=")
        # The value itself may be a secret: it is not shown.
        if _NAME.fullmatch(name) is None or len(token) < _SHORTEST:
            raise TerminalError(
                f"{CLIENT_TOKENS}: entry {position} is malformed",
                received=f"a name of {len(name)} and a token of {len(token)} characters",
                allowed=f"name=token, a token of at least {_SHORTEST} characters; commas between them",
                next_step=f"correct {CLIENT_TOKENS}",
            )
        clients.append(KnownClient(name=name, sha256=token_digest(token.encode())))
    return clients


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise TerminalError(
            "this is no name of a client",
            received=name,
            allowed="1 to 40 of a to z, 0 to 9, _, . and -; a letter or a digit first",
            next_step="take another name",
        )


def _read(file: Path) -> list[KnownClient]:
    try:
        return _File.model_validate_json(file.read_bytes()).clients
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise TerminalError(
            "the clients of the model server cannot be read",
            received=f"{file}: {error}",
            allowed="the file that airworthy clients add writes",
            next_step=f"restore {file}, or remove it and give the clients new tokens",
        ) from None


def _write(file: Path, clients: list[KnownClient]) -> None:
    """Write the file whole, readable by its owner only."""
    content: dict[str, Any] = {"clients": [each.model_dump(mode="json") for each in clients]}
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
    fresh.replace(file)
