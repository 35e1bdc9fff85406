"""Closes the state folder: only its owner reads and writes what the stack keeps, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

UMASK = 0o077
"""The umask of the stack's processes."""


def close_state(folder: Path) -> None:
    """Make the state folder, and take the rights of others from all that is in it.

    New files of this process and its children are their owner's alone, too. Links are not followed.

    Args:
        folder: The state folder.

    Raises:
        PermissionError: when it belongs to another user.
    """
    os.umask(UMASK)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, *_below(folder)):
        _close(path)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _close(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & UMASK:
            path.chmod(stat.S_IMODE(mode) & ~UMASK)
    except FileNotFoundError:
        return  # a server that still runs removed it
