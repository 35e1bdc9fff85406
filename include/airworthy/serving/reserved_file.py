"""A text in a file whose blocks are reserved in advance: it can be written on a full disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIGEST = 64


class ReservedFile:
    """One text, written in place over reserved blocks. Several processes may use it."""

    def __init__(self, path: Path, size: int = 65_536) -> None:
        """Keep the path. Nothing is read or made.

        Args:
            path: The file.
            size: Its size in bytes; a text of this size less 65 bytes fits.
        """
        self._path = path
        self._size = size

    def reserve(self) -> None:
        """Make the file, unless it is there.

        Raises:
            OSError: when the disk has no room for it.
        """
        if self._path.exists() and self._path.stat().st_size >= self._size:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._opened(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as file:
            if os.fstat(file).st_size < self._size:
                # Real bytes: a hole in a file would need a block at the first write.
                _write_all(file, b" " * self._size)

    def write(self, text: str) -> None:
        """Write the text.

        Raises:
            OSError: when it cannot be written.
            ValueError: when it is too long.
        """
        content = text.encode()
        if len(content) > self._size - _DIGEST - 1:
            raise ValueError(f"{len(content)} bytes do not fit into {self._path}")
        self.reserve()
        line = hashlib.sha256(content).hexdigest().encode() + b"\n"
        with self._opened(os.O_RDWR, fcntl.LOCK_EX) as file:
            _write_all(file, (line + content).ljust(self._size))

    def read(self) -> str | None:
        """Return the text; None when none was written.

        Raises:
            OSError: when it cannot be read.
            ValueError: when the text is damaged.
        """
        if not self._path.exists():
            return None
        with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as file:
            content = os.pread(file, self._size, 0).rstrip(b" ")
        digest, _, text = content.partition(b"\n")
        if not content:
            return None
        if hashlib.sha256(text).hexdigest().encode() != digest:
            raise ValueError(f"{self._path} is damaged")
        return text.decode()

    def changed_ns(self) -> int:
        """Return the time of the last change in nanoseconds; 0 when the file cannot be seen."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    @contextmanager
    def _opened(self, flags: int, lock: int) -> Iterator[int]:
        file = os.open(self._path, flags, 0o600)
        try:
            fcntl.flock(file, lock)
            yield file
        finally:
            os.close(file)


def _write_all(file: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(file, content[written:], written)
    os.fsync(file)
