"""A spool: a folder of segment files that one writer appends to and a collector empties.

Each writer has files of its own, ``<writer>-<sequence>.seg``, one after the other. It holds a file lock on the one
that it appends to, which the kernel gives up when the process ends, however it ends: a segment that can be locked is
closed. A living one has its full size, with zeros at its end, and is mapped into the writer's memory: appending is
copying there, which costs no system call, and what is copied is with the kernel and outlives the process.
"""

from __future__ import annotations

import fcntl
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

SUFFIX, _UNPUBLISHED = ".seg", ".new"
SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 300.0
_ABANDONED_AFTER_SECONDS = 3600.0


class SegmentWriter:
    """Appends records to a spool. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        """Prepare a writer; nothing is made before the first record.

        Args:
            folder: The spool's folder.
            segment_bytes: The size of a segment; a record that does not fit begins another one.
            segment_seconds: So does one that comes when the segment is this old.
        """
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._writer = secrets.token_hex(8)
        self._sequence = 0
        self._descriptor = -1
        self._memory: mmap.mmap | None = None
        self._header = b""
        self._size = 0
        self._until = 0.0
        self._lock = threading.Lock()

    def append(self, *parts: bytes) -> None:
        """Append one record, given in parts.

        Raises:
            OSError: when there is no room for it on the disk; nothing of it counts then.
        """
        payload = b"".join(parts)
        length = FRAME_HEADER_BYTES + len(payload)
        with self._lock:
            memory, place = self._room_for(length), self._size
            memory[place : place + length] = frame_header(self._header, payload) + payload
            self._size = place + length

    def close(self) -> None:
        """Close the current segment; the next record begins another one."""
        with self._lock:
            self._close()

    def _room_for(self, length: int) -> mmap.mmap:
        if self._memory is not None:
            if self._size + length <= len(self._memory) and time.monotonic() < self._until:
                return self._memory
            self._close()
        return self._open(max(self._segment_bytes, FILE_HEADER_BYTES + length))

    def _open(self, size: int) -> mmap.mmap:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = segment_of(self._folder, self._writer, self._sequence).path
        hidden = path.with_suffix(_UNPUBLISHED)
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # Locked before it has its name: no collector ever sees a living writer's segment unlocked.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # All of its room is taken now: a disk that is full is an error here, and would be a signal later.
            os.posix_fallocate(descriptor, 0, size)
            memory = mmap.mmap(descriptor, size)
            self._header = memory[:FILE_HEADER_BYTES] = new_file_header()
            hidden.rename(path)
        except BaseException:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise
        self._sequence += 1
        self._descriptor, self._memory, self._size = descriptor, memory, FILE_HEADER_BYTES
        self._until = time.monotonic() + self._segment_seconds
        return memory

    def _close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            # What was not needed is given back; should that fail, readers find nothing there.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            os.close(self._descriptor)
            self._memory = None


@dataclass(frozen=True)
class Segment:
    """One segment's file: `writer` and `sequence` as its name says."""

    path: Path
    writer: str
    sequence: int

    def closed(self) -> bool:
        """Tell whether no process will append to it any more."""
        with self.path.open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def segments_in(folder: Path) -> list[Segment]:
    """Return a spool's segments, by writer, each writer's in the order in which they were written."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        writer, _, sequence = path.stem.rpartition("-")
        if writer and sequence.isdecimal():
            found.append(segment_of(folder, writer, int(sequence)))
    return sorted(found, key=lambda segment: (segment.writer, segment.sequence))


def segment_of(folder: Path, writer: str, sequence: int) -> Segment:
    """Return a writer's segment, be it there or not."""
    return Segment(folder / f"{writer}-{sequence:08d}{SUFFIX}", writer, sequence)


def remove_unpublished(folder: Path) -> None:
    """Remove what writers left that ended while they were beginning a segment."""
    for path in folder.glob(f"*{_UNPUBLISHED}"):
        if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
            path.unlink(missing_ok=True)
