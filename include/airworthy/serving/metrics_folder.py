"""The folder of the workers' metrics: one for each start of a server with workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def metrics_folder(parent: Path) -> Iterator[Path]:
    """Make an empty folder, and remove it when the block ends.

    Folders of servers that were killed are removed at the next start. A folder in use is locked.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        for left in parent.iterdir():
            _remove_unless_used(left)
        folder = Path(tempfile.mkdtemp(dir=parent))
        in_use = _lock(folder, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(in_use)


def _remove_unless_used(folder: Path) -> None:
    try:
        descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = _lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, mode: int) -> int:
    """Return a descriptor that holds a lock of a folder until it is closed.

    Raises:
        BlockingIOError: when another process holds it, and `mode` has ``LOCK_NB``.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
