"""The tokens of Airflow that a person's logins left, by Airflow's address, in a private file."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from airworthy.errors import TerminalError

_FILE: Final = "airflow_tokens.json"


def tokens_file() -> Path:
    """Return the file: below ``XDG_CONFIG_HOME``, else below ``~/.config``."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
    return folder / "airworthy" / _FILE


def kept_token(url: str) -> str | None:
    """Return the token for an address, or None.

    Raises:
        TerminalError: when others may read the file, or it is broken.
    """
    return _tokens().get(url.rstrip("/"))


def keep_token(url: str, token: str) -> Path:
    """Keep a token for an address, in place of the former one; return the file.

    Args:
        url: Airflow's address.
        token: The token.

    Raises:
        TerminalError: when others may read the file, or it cannot be written.
    """
    return _write({**_tokens(), url.rstrip("/"): token})


def forget_tokens(url: str | None = None) -> list[str]:
    """Forget the token for an address, or all of them; return the forgotten addresses."""
    tokens = _tokens()
    forgotten = [each for each in tokens if url is None or each == url.rstrip("/")]
    if forgotten:
        _write({each: token for each, token in tokens.items() if each not in forgotten})
    return forgotten


def _tokens() -> dict[str, str]:
    path = tokens_file()
    try:
        with path.open(encoding="utf-8") as file:
            _require_private(path, os.fstat(file.fileno()))
            content = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TerminalError(
            "the kept tokens cannot be read",
            received=f"{path}: {error}",
            next_step=f"rm {path}, then airworthy login",
        ) from None
    return {str(url): str(token) for url, token in dict(content).items()}


def _require_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() or mode & 0o077:
        raise TerminalError(
            "others may read or write the kept tokens",
            received=f"{path}: mode {mode:04o}, owner uid {status.st_uid}",
            allowed="mode 0600, and your own file",
            next_step=f"rm {path}, then airworthy login",
        )


def _write(tokens: dict[str, str]) -> Path:
    """Replace the file whole. Nobody else may read it at any time."""
    path = tokens_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE}-")  # mode 0600
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(tokens, file, indent=1)
        Path(name).replace(path)
    except OSError as error:
        raise TerminalError(
            "the token cannot be kept",
            received=f"{path}: {error}",
            next_step="set XDG_CONFIG_HOME to a folder of your own",
        ) from None
    return path
