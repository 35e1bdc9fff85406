"""The tokens of the model servers' clients, and what each may do: its scopes.

They are in a variable, in a file that a variable names, such as a mounted secret, or in a file of
this machine. Servers read files again while they run. This machine's file has digests only: a token
is shown once, when it is made. A token is random and long, so that a plain digest of it gives
nothing away.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from airworthy.errors import TerminalError

CLIENT_TOKENS = "AIRWORTHY_CLIENT_TOKENS"
CLIENT_TOKENS_FILE = "AIRWORTHY_CLIENT_TOKENS_FILE"
ClientScope = Literal["predict", "label", "admin"]
SCOPES: Final[tuple[ClientScope, ...]] = get_args(ClientScope)
USUAL_SCOPES: Final[tuple[ClientScope, ...]] = ("predict", "label")
"""The scopes of a token for which nobody named any, such as each one of an older version."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_SHORTEST = 16
_LOCK_SECONDS = 10
# Labels of old answers come late. A token that opens nothing still tells whose answers they are.
_KEPT = timedelta(days=90)


class KnownClient(BaseModel):
    """One token of a client. A client with several of them is one client.

    Attributes:
        name: The client's name.
        sha256: The token's digest.
        since: The time of its making, UTC; None: it is of a variable.
        scopes: What it opens: predictions, labels, and administration, which includes both.
        until: The time from which it opens nothing, UTC; None: there is none.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    since: AwareDatetime | None = None
    scopes: tuple[ClientScope, ...] = USUAL_SCOPES
    until: AwareDatetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Return whether the token opens nothing any more."""
        return self.until is not None and now >= self.until


class _File(BaseModel):
    clients: list[KnownClient] = []


def token_digest(token: bytes) -> str:
    """Return a token's digest."""
    return hashlib.sha256(token).hexdigest()


def known_clients(file: Path) -> list[KnownClient]:
    """Return the clients of the variable, of the file that a variable names, or of a file that may be missing.

    Args:
        file: `Environment.client_tokens_file`.

    Raises:
        TerminalError: when the variable or the file is malformed or cannot be read.
    """
    text = os.environ.get(CLIENT_TOKENS, "").strip()
    if text:
        return _of_text(text, CLIENT_TOKENS)
    named = os.environ.get(CLIENT_TOKENS_FILE, "").strip()
    return _of_text(_read_text(Path(named)), named) if named else _read(file)


def add_client(file: Path, name: str, scopes: Iterable[ClientScope] = USUAL_SCOPES) -> str:
    """Give a client a further token, and return it. Its other tokens stay good.

    Args:
        file: `Environment.client_tokens_file`.
        name: The client's name.
        scopes: What the token opens.

    Raises:
        TerminalError: when the name or the file is malformed.
    """
    _check_name(name)
    token, known = _new(name, scopes)
    with _alone(file):
        _write(file, [*_read(file), known])
    return token


def rotate_client(file: Path, name: str, keep: timedelta) -> str:
    """Give a client a new token with the scopes of its newest one, and return it. Its others end.

    Args:
        file: `Environment.client_tokens_file`.
        name: The client's name.
        keep: The time for which the others stay good.

    Raises:
        TerminalError: when the client has no token, or the file is malformed.
    """
    now = datetime.now(UTC)
    with _alone(file):
        before = _read(file)
        own = [each for each in before if each.name == name and not each.has_ended(now)]
        if not own:
            raise no_such_client(name, before)
        token, fresh = _new(name, own[-1].scopes)
        after = [_ending(each, now + keep) if each in own else each for each in before]
        _write(file, [*(each for each in after if not each.has_ended(now - _KEPT)), fresh])
    return token


def _new(name: str, scopes: Iterable[ClientScope]) -> tuple[str, KnownClient]:
    """Return a new token, and what is kept of it."""
    token = secrets.token_urlsafe(32)
    digest = token_digest(token.encode())
    ordered = tuple(each for each in SCOPES if each in set(scopes))
    return token, KnownClient(name=name, sha256=digest, since=datetime.now(UTC), scopes=ordered)


def _ending(client: KnownClient, until: datetime) -> KnownClient:
    """Return a token that ends at a time, or earlier if it does so already."""
    return client.model_copy(update={"until": min(client.until or until, until)})


def no_such_client(name: str, clients: Iterable[KnownClient]) -> TerminalError:
    """Return the error of a client without a token."""
    names = sorted({client.name for client in clients})
    return TerminalError(
        "no such client has a token", received=name, allowed=", ".join(names) or "none has one"
    )


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


def _of_text(text: str, source: str) -> list[KnownClient]:
    """Return the clients of ``name=token`` or ``name:scope+scope=token``, with commas or spaces between them."""
    clients = []
    for position, pair in enumerate(re.split(r"[,\s]+", text.strip(", \t\r\n")), 1):
        client, _, token = pair.partition("=")
        name, colon, named = client.partition(":")
        scopes = tuple(named.split("+")) if colon else USUAL_SCOPES
        # The value itself may be a secret: it is not shown.
        if (
            _NAME.fullmatch(name) is None
            or len(token) < _SHORTEST
            or not set(scopes) <= set(SCOPES)
        ):
            raise TerminalError(
                f"{source}: entry {position} is malformed",
                received=f"a name of {len(client)} and a token of {len(token)} characters",
                allowed=f"name=token or name:scope+scope=token, a token of at least {_SHORTEST} characters, "
                f"scopes of {', '.join(SCOPES)}; commas between them",
                next_step=f"correct {source}",
            )
        clients.append(
            KnownClient.model_validate(
                {"name": name, "sha256": token_digest(token.encode()), "scopes": scopes}
            )
        )
    return clients


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TerminalError(
            "the clients of the model server cannot be read",
            received=f"{CLIENT_TOKENS_FILE}={file}: {error}",
            allowed="a file with name=token, one in a line",
            next_step="correct the variable, or the file",
        ) from None


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
