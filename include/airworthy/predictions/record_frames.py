"""Framed records in an append-only file. A torn or damaged record is recognised and skipped.

A file begins with ``AWSPOOL1`` and its own random marker of 8 bytes. A frame is the marker, the
payload's length and CRC-32 (unsigned, little-endian, 4 bytes each), and the payload. After damage,
reading continues at the next marker with a whole frame behind it. No request can forge a frame:
clients do not know the marker.
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
    marker = content[len(MAGIC) : FILE_HEADER_BYTES]
    if not content.startswith(MAGIC) or len(marker) < _MARKER_BYTES:
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


def _payload(content: bytes, position: int) -> bytes | None:
    begin = position + _SIZES.size
    if begin > len(content):
        return None
    length, checksum = _SIZES.unpack_from(content, position)
    payload = content[begin : begin + length]
    return payload if len(payload) == length and crc32(payload) == checksum else None
