"""Ids of requests and of predictions.

A request's id is a UUID of version 7 (RFC 9562). It begins with the millisecond of its creation, so
the log is sorted by id, and one id is found without reading the others. Row 3 of a request has the
prediction id ``<id>:3``.

The answer to a client with a token has an id whose last 32 bits are made of the other ones and the
client's key: a server tells from the id alone, whichever server gave it, whether it is of a client.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

_VERSION_AND_VARIANT = 7 << 76 | 2 << 62
_MARK_DIGITS = 8
_RANDOM = (1 << 76) - 1 ^ 3 << 62
_ID = re.compile(r"^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def new_request_id(key: bytes | None = None) -> str:
    """Return a unique id. It cannot be guessed. With a client's key it is an id of that client."""
    random = int.from_bytes(os.urandom(10), "big") & _RANDOM
    text = f"{time.time_ns() // 1_000_000 << 80 | _VERSION_AND_VARIANT | random:032x}"
    if key is not None:
        text = text[:-_MARK_DIGITS] + _mark(text[:-_MARK_DIGITS], key)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id_of(request_id: str, keys: Iterable[bytes]) -> bool:
    """Tell whether an id was made with one of a client's keys.

    >>> own = new_request_id(b"key")
    >>> is_id_of(own, [b"key"]), is_id_of(own, [b"other"]), is_id_of(new_request_id(), [b"key"])
    (True, False, False)
    """
    text = request_id.replace("-", "")
    head, mark = text[:-_MARK_DIGITS], text[-_MARK_DIGITS:]
    return _ID.match(request_id) is not None and any(mark == _mark(head, key) for key in keys)


def _mark(head: str, key: bytes) -> str:
    return hashlib.blake2b(head.encode(), key=key, digest_size=_MARK_DIGITS // 2).hexdigest()


def creation_time(request_id: str) -> datetime | None:
    """Return the time of an id's creation, UTC, to the millisecond. None for another kind of id.

    >>> creation_time("01890000-0000-7abc-8def-000000000000").isoformat()
    '2023-06-28T03:15:47.328000+00:00'
    """
    match = _ID.match(request_id)
    return datetime.fromtimestamp(int(match[1] + match[2], 16) / 1e3, UTC) if match else None


def prediction_id(request_id: str, row: int) -> str:
    """Return the id of one row's prediction."""
    return f"{request_id}:{row}"


def whole_prediction_id(text: str) -> str:
    """Return a prediction's id. A request's id alone means its first row.

    >>> whole_prediction_id("a"), whole_prediction_id("a:3")
    ('a:0', 'a:3')
    """
    return text if ":" in text else prediction_id(text, 0)


def split_prediction_id(text: str) -> tuple[str, int]:
    """Return request id and row. A request's id alone means its first row.

    >>> split_prediction_id("a"), split_prediction_id("a:3")
    (('a', 0), ('a', 3))

    Raises:
        ValueError: when the text after the colon is no row number.
    """
    request_id, colon, row = text.partition(":")
    if colon and not (row.isascii() and row.isdecimal()):
        raise ValueError(text)
    return request_id, int(row) if colon else 0
