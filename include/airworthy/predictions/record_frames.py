"""Framed records in an append-only file. A torn or damaged record is recognised and skipped.

A file begins with ``AWSPOOL1`` and its own random marker of 8 bytes. A frame is the marker, the
payload's length and CRC-32 (unsigned, little-endian, 4 bytes each), and the payload. After damage,
reading continues at the next marker with a whole frame behind it. Damage of the file's first bytes
costs no record: the first frame has the marker too. No request can forge a frame: clients do not
know the marker.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

MAGIC = b"AWSPOOL1"
_MARKER_BYTES = 8
FILE_HEADER_BYTES = len(MAGIC) + _MARKER_BYTES
_FIRST = FILE_HEADER_BYTES
_SIZES = struct.Struct("<II")
FRAME_HEADER_BYTES = _MARKER_BYTES + _SIZES.size


@dataclass(frozen=True)
class Frame:
    """One whole record, at the bytes ``[start, end)`` of the file."""

    start: int
    end: int
    payload: bytes


def new_file_header() -> bytes:
    """Return the first bytes of a new file."""
    return MAGIC + os.urandom(_MARKER_BYTES)


def frame_header(file_header: bytes, payload: bytes) -> bytes:
    """Return the bytes before a payload, in a file with this header."""
    return file_header[len(MAGIC) :] + _SIZES.pack(len(payload), crc32(payload))


def whole_frames(content: bytes, start: int = 0) -> Iterator[Frame]:
    """Return the whole frames of a file from the byte `start` on, in order."""
    marker = _marker_of(content)
    if marker is None:
        return
    position = max(start, FILE_HEADER_BYTES)
    while (position := content.find(marker, position)) >= 0:
        payload = _payload(content, position + _MARKER_BYTES)
        if payload is None:
            position += 1
            continue
        end = position + FRAME_HEADER_BYTES + len(payload)
        yield Frame(position, end, payload)
        position = end


def has_whole_header(content: bytes) -> bool:
    """Tell whether a file begins with its header, and its frames have the header's marker."""
    return content.startswith(MAGIC) and _marker_of(content) == content[len(MAGIC) : _FIRST]


def _marker_of(content: bytes) -> bytes | None:
    """Return the marker of a file's frames; None when it is no file with records."""
    marker, first = content[len(MAGIC) : _FIRST], content[_FIRST : _FIRST + _MARKER_BYTES]
    is_named = content.startswith(MAGIC) and len(marker) == _MARKER_BYTES
    if is_named and (first in (marker, b"") or _has_frame(content, marker)):
        return marker
    # An empty payload proves nothing: its length and its checksum are zeros.
    if len(first) == _MARKER_BYTES and _payload(content, _FIRST + _MARKER_BYTES):
        return first
    return marker if is_named else None


def _has_frame(content: bytes, marker: bytes) -> bool:
    position = _FIRST
    while (position := content.find(marker, position)) >= 0:
        if _payload(content, position + _MARKER_BYTES) is not None:
            return True
        position += 1
    return False


def _payload(content: bytes, position: int) -> bytes | None:
    begin = position + _SIZES.size
    if begin > len(content):
        return None
    length, checksum = _SIZES.unpack_from(content, position)
    payload = content[begin : begin + length]
    return payload if len(payload) == length and crc32(payload) == checksum else None
