"""Replaces the state folder by a backup. The state that was there stays beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from airworthy.errors import TerminalError
from airworthy_airflow.stack.backup import FORMAT, MANIFEST, PREFIX, read_back
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.processes import members
from airworthy_airflow.stack.state_folder import UMASK


def restore(layout: Layout, file: Path) -> str:
    """Replace the state folder by a backup, and tell what was done. It may be repeated.

    Args:
        layout: The stack. None of its parts may run.
        file: The backup.

    Raises:
        TerminalError: when a part runs, or when the backup is missing, damaged, or of a newer version.
            The state is as it was then.
    """
    _refuse(layout, file)
    os.umask(UMASK)
    fresh = layout.state.with_name(f".{layout.state.name}.restoring")
    manifest = _unpack(file, fresh)
    told = f"restored {layout.state} from {file.name}, made {manifest['time']}"
    if layout.state.is_dir() and any(layout.state.iterdir()):
        aside = _name_aside(layout.state)
        layout.state.rename(aside)
        told += f"\nthe state from before is in {aside}; remove it when it is not needed"
    fresh.rename(layout.state)
    if manifest["elsewhere"]:
        told += f"\nnot in the backup, as it is not in the state folder: {', '.join(manifest['elsewhere'])}"
    return told


def _refuse(layout: Layout, file: Path) -> None:
    if not file.is_file():
        raise TerminalError(
            "there is no such backup", received=file, next_step="name one of its folder"
        )
    running = members(layout)
    if running:
        raise TerminalError(
            "the stack runs; its state cannot be replaced",
            received=f"{len(running)} processes",
            next_step="systemctl stop airworthy.target, or: make down",
        )
    digest, beside = read_back(file), Path(f"{file}.sha256")
    if beside.is_file() and beside.read_text(encoding="utf-8").split()[:1] != [digest]:
        raise TerminalError(
            "this backup is another file than the one that was made",
            received=f"{file}: SHA-256 {digest}",
            allowed=beside.read_text(encoding="utf-8").strip(),
            next_step="take another backup",
        )


def _unpack(file: Path, folder: Path) -> Mapping[str, Any]:
    """Write the files of a backup into a folder, all or none, and return its manifest."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with tarfile.open(file, "r:gz") as archive:
            manifest = _read_manifest(archive, file)
            _extract(archive, folder, file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return manifest


def _read_manifest(archive: tarfile.TarFile, file: Path) -> Mapping[str, Any]:
    first = archive.next()
    stream = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
    try:
        manifest: dict[str, Any] = json.loads(stream.read() if stream is not None else b"")
        known = manifest["format"] == FORMAT and _parts(manifest["airworthy"]) <= _parts(
            version("airworthy")
        )
    except (ValueError, TypeError, KeyError) as error:
        raise TerminalError("this is no backup of Airworthy", received=file) from error
    if not known:
        raise TerminalError(
            "this backup was made by a newer version; databases do not go back",
            received=f"{file}: {manifest['airworthy']}",
            allowed=f"at most {version('airworthy')}",
            next_step="install that version first",
        )
    return manifest


def _parts(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _extract(archive: tarfile.TarFile, folder: Path, file: Path) -> None:
    folder.mkdir(parents=True)
    for member in archive.getmembers()[1:]:  # the manifest is the first one
        path = PurePosixPath(member.name.removeprefix(PREFIX))
        inside = not path.is_absolute() and ".." not in path.parts
        if not member.isfile() or not member.name.startswith(PREFIX) or not inside:
            raise TerminalError("this is no backup of Airworthy", received=f"{file}: {member.name}")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.extractfile(member) as stream, target.open("xb") as out:  # type: ignore[union-attr]
            shutil.copyfileobj(stream, out)
        os.utime(target, (member.mtime, member.mtime))


def _name_aside(state: Path) -> Path:
    return state.with_name(f"{state.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
