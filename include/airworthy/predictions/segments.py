"""A spool: a folder of segment files. Writers append to them and a collector removes them.

Each writer has its own sequence of files, ``<writer>-<sequence>.seg``. It holds a file lock on its
current one. The kernel releases the lock at any end of the process, so a segment without a lock is
closed. An open segment has its full size, with zeros at its end, and is mapped into the writer's
memory. An append is a copy without a system call. The kernel has the copied bytes, so they outlive
the process.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from airworthy.predictions.record_frames import (
    FILE_HEADER_BYTES,
    FRAME_HEADER_BYTES,
    frame_header,
    new_file_header,
)

log = logging.getLogger("airworthy.predictions")

SUFFIX, _UNPUBLISHED = ".seg", ".new"
DAMAGED = "damaged"
SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 300.0
_COPY_BYTES = 256 * 1024
_MAX_UNPUBLISHED_SECONDS = 3600.0


class SegmentWriter:
    """Appends records to a spool. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        """Prepare a writer. No file is created before the first record.

        Args:
            folder: The spool's folder.
            segment_bytes: The size of a segment. A record without room begins a new one.
            segment_seconds: The age of a segment, in seconds. The next record begins a new one.
        """
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._writer = secrets.token_hex(8)
        self._sequence = 0
        self._descriptor = -1
        self._mapping: mmap.mmap | None = None
        self._header = b""
        self._size = 0
        self._expires = 0.0
        self._lock = threading.Lock()

    def append(self, *parts: bytes) -> None:
        """Append one record, the concatenation of its parts.

        Raises:
            OSError: when the disk has no room for it. Nothing was appended.
        """
        payload = b"".join(parts)
        length = FRAME_HEADER_BYTES + len(payload)
        with self._lock:
            mapping = self._mapping_for(length)
            start = self._size
            head = frame_header(self._header, payload)
            mapping[start : start + len(head)] = head
            if len(payload) <= _COPY_BYTES:
                mapping[start + len(head) : start + length] = payload
            else:
                _write(self._descriptor, payload, start + len(head))
            self._size = start + length

    def close(self) -> None:
        """Close the current segment. The next record begins a new one."""
        with self._lock:
            self._close()

    def _mapping_for(self, length: int) -> mmap.mmap:
        if self._mapping is not None:
            if self._size + length <= len(self._mapping) and time.monotonic() < self._expires:
                return self._mapping
            self._close()
        return self._open(max(self._segment_bytes, FILE_HEADER_BYTES + length))

    def _open(self, size: int) -> mmap.mmap:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = segment_of(self._folder, self._writer, self._sequence).path
        hidden = path.with_suffix(_UNPUBLISHED)
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # Locked before its rename: no collector sees an open segment without a lock.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The space is allocated now: a full disk is an error here. Later it would be a signal.
            os.posix_fallocate(descriptor, 0, size)
            mapping = mmap.mmap(descriptor, size)
            self._header = mapping[:FILE_HEADER_BYTES] = new_file_header()
            hidden.rename(path)
        except BaseException:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise
        self._sequence += 1
        self._descriptor, self._mapping, self._size = descriptor, mapping, FILE_HEADER_BYTES
        self._expires = time.monotonic() + self._segment_seconds
        return mapping

    def _close(self) -> None:
        if self._mapping is not None:
            self._mapping.close()
            # The unused space is released. After a failure, readers find only zeros there.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            os.close(self._descriptor)
            self._mapping = None


def _write(descriptor: int, payload: bytes, start: int) -> None:
    """Write a large payload. A copy into the mapping would hold up all threads.

    A disk that is slow to take pages makes whoever touches them wait, with Python's lock in hand. A
    system call waits without it. The mapping shows what is written.
    """
    view = memoryview(payload)
    written = 0
    while written < len(view):
        written += os.pwrite(descriptor, view[written:], start + written)


@dataclass(frozen=True)
class Segment:
    """One segment's file. `writer` and `sequence` are in its name."""

    path: Path
    writer: str
    sequence: int

    def closed(self) -> bool:
        """Tell whether the segment is closed: no process will append to it."""
        with self.path.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def segments_in(folder: Path) -> list[Segment]:
    """Return a spool's segments, sorted by writer and sequence."""
    segments = []
    for path in folder.glob(f"*{SUFFIX}"):
        writer, _, sequence = path.stem.rpartition("-")
        if writer and sequence.isdecimal():
            segments.append(segment_of(folder, writer, int(sequence)))
    return sorted(segments, key=lambda segment: (segment.writer, segment.sequence))


def segment_of(folder: Path, writer: str, sequence: int) -> Segment:
    """Return a writer's segment. Its file may be missing.

    Args:
        folder: The spool's folder.
        writer: The writer's name.
        sequence: The number of the segment, from 0.
    """
    return Segment(folder / f"{writer}-{sequence:08d}{SUFFIX}", writer, sequence)


def keep_aside(path: Path) -> None:
    """Move a damaged segment into the folder ``damaged`` beside it; a person may look at it."""
    aside = path.parent / DAMAGED / path.name
    with suppress(FileNotFoundError):  # Another collector did it.
        aside.parent.mkdir(exist_ok=True)
        path.replace(aside)
        log.warning("a damaged segment was kept aside: %s", aside)


def remove_unpublished(folder: Path) -> None:
    """Remove unpublished segments of killed writers."""
    for path in folder.glob(f"*{_UNPUBLISHED}"):
        if time.time() - path.stat().st_mtime > _MAX_UNPUBLISHED_SECONDS:
            path.unlink(missing_ok=True)
