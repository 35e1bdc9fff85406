"""A file of flags in flagd's format, on a disk or in an object store: read, and changed at once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from airworthy.errors import TerminalError, TransientError
from airworthy.object_store import ObjectStore, local_folder, open_store

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
_LOCK_SECONDS = 30.0
_ATTEMPTS = 10

Address = Path | str
"""The path of a file, or its address in an object store."""


def read_flags(address: Address) -> dict[str, Any]:
    """Return the file's content, with the flags by key under ``flags``. No file: no flags.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the object store cannot be reached.
    """
    path = local_folder(str(address))
    try:
        content = path.read_bytes() if path else _stored(*_object(address))[0]
    except FileNotFoundError:
        content = None
    except OSError as error:
        raise flags_error(address, f"it cannot be read: {error}") from None
    return _flags_of(content, address)


def parse_flags(content: bytes, place: Address) -> dict[str, Any]:
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


def change_flags(address: Address, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the file's flags, all at once. Other writers' changes are kept.

    Args:
        address: The file; created when missing.
        change: Changes the flags by key in place. It may be called again.

    Raises:
        TerminalError: when the file is not in flagd's format.
        TransientError: when the file cannot be reached, or other writers kept changing it.
    """
    path = local_folder(str(address))
    if path is not None:
        _change_file(path, change)
        return
    for _ in range(_ATTEMPTS):
        if _change_object(address, change):
            return
    raise _busy(address)


def _change_file(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            changed = _changed(read_flags(path), change)
            if changed is not None:
                _replace(path.resolve(), changed)
    except Timeout:
        raise _busy(path) from None


def _change_object(address: Address, change: Callable[[dict[str, Any]], None]) -> bool:
    """Change the object once. False when another writer was first."""
    store, name = _object(address)
    content, etag = _stored(store, name)
    changed = _changed(_flags_of(content, address), change)
    if changed is None:
        return True
    if etag is None:
        return store.write_if_absent(name, changed.encode()) is not None
    return store.write_if_match(name, changed.encode(), etag) is not None


def _changed(document: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> str | None:
    """Return the changed file's text; None without a change."""
    before = json.dumps(document)
    change(document["flags"])
    return None if json.dumps(document) == before else json.dumps(document, indent=2) + "\n"


def _object(address: Address) -> tuple[ObjectStore, str]:
    folder, _, name = str(address).rpartition("/")
    return open_store(folder), name


def _stored(store: ObjectStore, name: str) -> tuple[bytes | None, str | None]:
    stored = store.read(name)
    return (stored.content, stored.etag) if stored else (None, None)


def _flags_of(content: bytes | None, address: Address) -> dict[str, Any]:
    return {"$schema": SCHEMA, "flags": {}} if content is None else parse_flags(content, address)


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


def flags_error(address: Address, problem: str) -> TerminalError:
    """Return the error for a file whose flags cannot be used."""
    return TerminalError(
        f"{address} does not hold flags: {problem}",
        received=address,
        allowed="a file in flagd's format, as a release writes it",
        next_step=f"correct or remove {address}",
    )


def _busy(address: Address) -> TransientError:
    return TransientError(
        "the flags are being changed by somebody else",
        received=address,
        next_step="try again",
    )
