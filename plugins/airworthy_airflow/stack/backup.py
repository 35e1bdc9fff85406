"""Writes the state folder into one file while the stack works.

What names other files is copied before them: the heads of the ledgers, then the logs of the Delta tables
with the ledgers, then MLflow's database, then everything else. Writers make a file before they name it,
so nothing in a backup names a file that the backup lacks. SQLite copies its databases itself.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, cast

from filelock import FileLock, Timeout

from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.state_folder import UMASK

FORMAT = 1
MANIFEST = "manifest.json"
PREFIX = "state/"
_PATTERN = "airworthy-*.tar.gz"
_LOG = "_delta_log"
_SQLITE = b"SQLite format 3\0"
_CHUNK = 2**20
_COMPANIONS = ("-journal", "-wal", "-shm")
# Caches that are made anew, and what belongs to running processes.
_LEFT_OUT = frozenset({"downloads", "scratch", "locks", "stack/logs"})


def back_up(layout: Layout, folder: Path, *, keep: int) -> Path:
    """Write a backup, read it back, and remove the oldest backups. Return the backup's file.

    Args:
        layout: The stack. Its parts may run.
        folder: The folder of the backups. It is made when it is missing.
        keep: The number of the newest backups that stay; at least 1.

    Raises:
        TerminalError: when there is no state, when `keep` is below 1, when the folder lies in the state,
            or while another backup is made.
    """
    _refuse(layout, folder, keep)
    os.umask(UMASK)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _back_up(layout, folder, keep)
    except Timeout:
        raise TerminalError(
            "another backup is being made", received=folder, next_step="wait for it"
        ) from None


def _back_up(layout: Layout, folder: Path, keep: int) -> Path:
    for leftover in folder.glob(f".{_PATTERN}.part"):
        leftover.unlink()
    target = folder / f"airworthy-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.tar.gz"
    part = folder / f".{target.name}.part"
    _write(layout, part)
    digest = read_back(part)
    part.replace(target)
    Path(f"{target}.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        Path(f"{old}.sha256").unlink(missing_ok=True)
        old.unlink()
    return target


def read_back(file: Path) -> str:
    """Read a whole backup, and return the file's SHA-256.

    Raises:
        TerminalError: when it is damaged.
    """
    try:
        with gzip.open(file) as content:  # to its end, where its checksum is
            while content.read(_CHUNK):
                pass
        with tarfile.open(file, "r:gz") as archive:
            count = sum(1 for _ in archive)
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise TerminalError(f"this backup cannot be read: {error}", received=file) from error
    if count == 0:
        raise TerminalError("this backup is empty", received=file)
    return digest


def _refuse(layout: Layout, folder: Path, keep: int) -> None:
    if keep < 1:
        raise TerminalError(
            "a backup would remove itself", received=f"--keep {keep}", allowed="1 or more"
        )
    if not layout.state.is_dir():
        raise TerminalError("there is no state to back up", received=layout.state)
    if folder.resolve().is_relative_to(layout.state.resolve()):
        raise TerminalError(
            "a backup in the state folder would be lost with it",
            received=folder,
            allowed=f"a folder outside {layout.state}",
        )


def _write(layout: Layout, part: Path) -> None:
    done: set[Path] = set()
    with (
        part.open("wb") as stream,
        tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive,
    ):
        _add_text(archive, MANIFEST, json.dumps(_manifest(layout), indent=1))
        for path in _in_order(layout):
            if path not in done:
                done.add(path)
                with suppress(FileNotFoundError):  # a cache's file went, or gc removed one
                    _add(archive, path, layout.state)
        archive.close()
        stream.flush()
        os.fsync(stream.fileno())


def _manifest(layout: Layout) -> dict[str, object]:
    places = {
        "lake": load_environment().lake,
        "tracking_uri": layout.tracking_uri,
        "artifacts": layout.artifacts,
    }
    return {
        "format": FORMAT,
        "airworthy": version("airworthy"),
        "time": datetime.now(UTC).isoformat(),
        # What the backup lacks, as it is not below the state folder. No password.
        "elsewhere": sorted(key for key, at in places.items() if str(layout.state) not in at),
    }


def _in_order(layout: Layout) -> Iterator[Path]:
    """Return the files of the state folder: what names others first. Each group is listed when it is reached."""
    state, anchors = layout.state, layout.state / "anchors"
    yield from _files(anchors, state)
    yield from (path for path in _files(layout.airflow_home, state) if _is_sqlite(path))
    # A table's pointer to its newest checkpoint comes before the checkpoints.
    logs = [path for path in _files(state, state) if _LOG in path.parts]
    yield from sorted(logs, key=lambda path: (path.name != "_last_checkpoint", path))
    yield from (path for path in _files(state, state) if _is_sqlite(path))
    # What names others and is newer than these copies would name what the backup lacks.
    for path in _files(state, state):
        if _LOG not in path.parts and not _is_sqlite(path) and not path.is_relative_to(anchors):
            yield path


def _files(folder: Path, state: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        inside = Path(parent).relative_to(state)
        folders[:] = sorted(name for name in folders if str(inside / name) not in _LEFT_OUT)
        found.extend(Path(parent, name) for name in sorted(names))
    return [
        path
        for path in found
        if path.is_file() and not path.is_symlink() and not _is_companion(path)
    ]


def _is_companion(path: Path) -> bool:
    """Tell whether SQLite keeps a file beside a database: the copy of the database has what is in it."""
    names = [path.name.removesuffix(end) for end in _COMPANIONS if path.name.endswith(end)]
    return any(_is_sqlite(path.with_name(name)) for name in names)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _add(archive: tarfile.TarFile, path: Path, state: Path) -> None:
    name = PREFIX + path.relative_to(state).as_posix()
    if not _is_sqlite(path):
        with path.open("rb") as stream:
            _add_stream(archive, name, stream)
        return
    with tempfile.NamedTemporaryFile() as copy:
        with (
            closing(sqlite3.connect(path)) as source,
            closing(sqlite3.connect(copy.name)) as target,
        ):
            source.backup(target)
        _add_stream(archive, name, cast("BinaryIO", copy.file))


def _add_stream(archive: tarfile.TarFile, name: str, stream: BinaryIO) -> None:
    status = os.fstat(stream.fileno())
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = status.st_size, int(status.st_mtime), 0o600
    archive.addfile(info, _Steady(stream))


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), int(datetime.now(UTC).timestamp()), 0o600
    archive.addfile(info, io.BytesIO(content))


class _Steady(io.BufferedIOBase):
    """A file that may become shorter while it is read: a log that is cut. Its missing end is zeros."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        """Read exactly so many bytes."""
        return self._stream.read(size or 0).ljust(size or 0, b"\0")
