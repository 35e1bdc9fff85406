"""Local folders of Delta tables with signs in their path that are read as a URL or a pattern.

delta-rs cannot use some paths at all. Polars does not find a table's files below a folder with a
space, and reads ``*`` as a pattern: it gets the path of a link with a plain name.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from airworthy.errors import TerminalError

_PLAIN = re.compile(r"[A-Za-z0-9_./+,@~-]*")
# What delta-rs stops at, takes for another character (%20 for a space), or loses the history behind.
_UNUSABLE = re.compile(r"[\[\]^|\\#?]|%[0-9A-Fa-f]{2}")


def refuse_unusable_folder(folder: Path) -> None:
    """Refuse a folder in which delta-rs can keep no table.

    Raises:
        TerminalError: when the folder's path has such a character.
    """
    found = sorted(set(_UNUSABLE.findall(str(folder.absolute()))))
    if found:
        raise TerminalError(
            f"no Delta table can be kept below a folder with {' or '.join(found)} in its path",
            received=folder.absolute(),
            allowed=r"a path without [ ] ^ | \ # ? and without %20 and the like",
            next_step="export AIRWORTHY_STATE=... with another folder for state and lake; the "
            "project may stay where it is",
        )


def plain_folder(folder: Path) -> Path:
    """Return a path of a folder that is no pattern and has no sign of a URL: itself, or a link."""
    absolute = folder.absolute()
    return absolute if _PLAIN.fullmatch(str(absolute)) else _link(absolute, os.getpid())


@lru_cache(maxsize=256)
def _link(folder: Path, process: int) -> Path:
    """Return a link to a folder.

    Args:
        folder: The folder.
        process: The process that makes the link. A forked one makes its own.
    """
    links = _links(process)
    link = links / str(len(list(links.iterdir())))
    link.symlink_to(folder)
    return link


@lru_cache(maxsize=4)
def _links(process: int) -> Path:
    """Return the folder of a process's links; the end of the process removes it."""
    folder = Path(tempfile.mkdtemp(prefix="airworthy-links-"))
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
