"""A file of flags in flagd's format: reading it, and changing it all at once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from airworthy.errors import TerminalError, TransientError

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
_LOCK_SECONDS = 30.0


def read_flags(path: Path) -> dict[str, Any]:
    """Return the file's content, with the flags by key under ``flags``. No file: no flags.

    Raises:
        TerminalError: when the file is not in flagd's format.
    """
    try:
        return parse_flags(path.read_bytes(), path)
    except FileNotFoundError:
        return {"$schema": SCHEMA, "flags": {}}
    except OSError as error:
        raise flags_error(path, f"it cannot be read: {error}") from None


def parse_flags(content: bytes, place: str | Path) -> dict[str, Any]:
    """Return a file's content, with the flags by key under ``flags``. `place` is for the error.

    Raises:
        TerminalError: when the content is not in flagd's format.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise flags_error(place, f"it cannot be read as JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
        raise flags_error(place, "it has no object of flags")
    return document


@contextmanager
def edit_flags(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's flags; write changes to the file, all at once, when the block ends.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when another process keeps the file locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            document = read_flags(path)
            before = json.dumps(document)
            yield document["flags"]
            if json.dumps(document) != before:
                _replace(path.resolve(), json.dumps(document, indent=2) + "\n")
    except Timeout:
        raise TransientError(
            "the flags are being changed by somebody else",
            received=f"{path}.lock is held",
            next_step="try again",
        ) from None


def _replace(path: Path, text: str) -> None:
    # Readers see the old file or the new file, after a power cut too.
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, encoding="utf-8", delete=False
    ) as fresh:
        fresh.write(text)
        fresh.flush()
        os.fsync(fresh.fileno())
    new = Path(fresh.name)
    new.chmod(path.stat().st_mode if path.exists() else 0o644)
    new.replace(path)


def flags_error(path: str | Path, problem: str) -> TerminalError:
    """Return the error for a file whose flags cannot be used."""
    return TerminalError(
        f"{path} does not hold flags: {problem}",
        received=path,
        allowed="a file in flagd's format, as a release writes it",
        next_step=f"correct or remove {path}",
    )
