"""A stage's input as one environment variable: how it reaches a container without a file that both sides see."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from typing import Any

from airworthy.errors import TerminalError

VARIABLE = "AIRWORTHY_STAGE_INPUT"
LONGEST = 120_000
"""Linux takes 128 KiB for a variable with its name. A window's partitions, of which digests are most, need 50 a day."""


def pack(payload: dict[str, Any]) -> str:
    """Return a stage's input as text of letters, digits and ``+/=``: gzip in base64.

    Raises:
        TerminalError: when it is longer than an environment variable may be.
    """
    # A fixed time, and none of the name: the same input is the same text.
    packed = base64.b64encode(gzip.compress(json.dumps(payload).encode(), mtime=0)).decode()
    if len(packed) > LONGEST:
        raise TerminalError(
            "the stage's input is too long for a container",
            received=f"{len(packed):,} characters",
            allowed=f"{LONGEST:,}",
            next_step="shorten train.lookback, or let this stage run inline",
        )
    return packed


def unpack(text: str) -> str:
    """Return the JSON that `pack` made a text of.

    Raises:
        ValueError: when it is no such text.
    """
    try:
        return gzip.decompress(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip in base64: {error}") from None
