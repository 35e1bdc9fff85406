"""Ids of requests and of predictions.

A request's id is a UUID of version 7 (RFC 9562): it begins with the millisecond at which it was made, so the log is
sorted by it and one id is found without reading the others. Row 3 of a request has the prediction id ``<id>:3``.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime

_VERSION_AND_VARIANT = 7 << 76 | 2 << 62
_RANDOM = (1 << 76) - 1 ^ 3 << 62
_ID = re.compile(r"^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def new_request_id() -> str:
    """Return an id that nobody can guess and that no other request has."""
    random = int.from_bytes(os.urandom(10), "big") & _RANDOM
    text = f"{time.time_ns() // 1_000_000 << 80 | _VERSION_AND_VARIANT | random:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def made_at(request_id: str) -> datetime | None:
    """Return when an id was made, UTC, to the millisecond; None when it is no such id."""
    match = _ID.match(request_id)
    return datetime.fromtimestamp(int(match[1] + match[2], 16) / 1e3, UTC) if match else None


def prediction_id(request_id: str, row: int) -> str:
    """Return the id of one row's prediction."""
    return f"{request_id}:{row}"


def whole_prediction_id(text: str) -> str:
    """Return a prediction's id; a request's id alone means its first row."""
    return text if ":" in text else prediction_id(text, 0)


def split_prediction_id(text: str) -> tuple[str, int]:
    """Return request id and row; a request's id alone means its first row.

    Raises:
        ValueError: when what follows the colon is no row number.
    """
    request_id, colon, row = text.partition(":")
    if colon and not (row.isascii() and row.isdecimal()):
        raise ValueError(text)
    return request_id, int(row) if colon else 0
