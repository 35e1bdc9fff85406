"""A stage's input in an environment variable: it reaches a container without a shared file."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from typing import Any

from airworthy.errors import TerminalError

VARIABLE = "AIRWORTHY_STAGE_INPUT"
MAX_LENGTH = 120_000
"""Linux allows 128 KiB for a variable with its name. A partition needs 50 characters."""


def pack(payload: dict[str, Any]) -> str:
    """Return a stage's input as text: JSON in gzip in base64.

    >>> unpack(pack({"dataset": 1}))
    '{"dataset": 1}'

    Raises:
        TerminalError: when the text is too long for an environment variable.
    """
    # A fixed time in gzip's header: the same input gives the same text.
    packed = base64.b64encode(gzip.compress(json.dumps(payload).encode(), mtime=0)).decode()
    if len(packed) > MAX_LENGTH:
        raise TerminalError(
            "the stage's input is too long for a container",
            received=f"{len(packed):,} characters",
            allowed=f"{MAX_LENGTH:,}",
            next_step="shorten train.lookback, or let this stage run inline",
        )
    return packed


def unpack(text: str) -> str:
    """Return the JSON of a text from `pack`.

    Raises:
        ValueError: when the text is not gzip in base64.
    """
    try:
        return gzip.decompress(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip in base64: {error}") from None
