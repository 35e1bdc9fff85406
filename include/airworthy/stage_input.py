"""A stage's input in an environment variable: it reaches a container without a shared file.

Addresses in it are portable: an address below the lake begins with ``{lake}``, and each place puts
its own lake there. So the same lake may be another folder in a container.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from airworthy.errors import TerminalPlaceError

VARIABLE = "AIRWORTHY_STAGE_INPUT"
MAX_LENGTH = 120_000
"""Linux allows 128 KiB for a variable with its name. A partition needs 50 characters."""


def pack(payload: dict[str, Any]) -> str:
    """Return a stage's input as text: JSON in gzip in base64.

    >>> unpack(pack({"dataset": 1}))
    '{"dataset": 1}'

    Raises:
        TerminalPlaceError: when the text is too long for an environment variable.
    """
    packed = pack_text(json.dumps(payload))
    if len(packed) > MAX_LENGTH:
        raise TerminalPlaceError(
            "the stage's input is too long for a container",
            received=f"{len(packed):,} characters",
            allowed=f"{MAX_LENGTH:,}",
            next_step="shorten train.lookback, or let this stage run inline",
        )
    return packed


def pack_text(text: str) -> str:
    """Return a text in gzip in base64, in ASCII. The same text gives the same result."""
    # A fixed time in gzip's header.
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpack(text: str) -> str:
    """Return the JSON of a text from `pack`, or the text of `pack_text`.

    Raises:
        ValueError: when the text is not gzip in base64.
    """
    try:
        return gzip.decompress(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not gzip in base64: {error}") from None


def portable(value: Any, places: Mapping[str, str]) -> Any:
    """Return JSON values whose addresses begin with the name of their place.

    >>> portable({"table": "/data/lake/eta"}, {"lake": "/data/lake"})
    {'table': '{lake}/eta'}

    Args:
        value: JSON values.
        places: Name -> address, such as those of `Environment.places`.
    """
    # A place may lie in another one: the longest address says the most.
    ordered = sorted(places.items(), key=lambda each: len(each[1]), reverse=True)

    def change(text: str) -> str:
        for name, address in ordered:
            if text == address or text.startswith(f"{address}/"):
                return f"{{{name}}}{text.removeprefix(address)}"
        return text

    return _changed(value, change)


def located(value: Any, places: Mapping[str, str]) -> Any:
    """Return JSON values with this place's own addresses; see `portable`.

    Args:
        value: JSON values from `portable`.
        places: Name -> address.
    """

    def change(text: str) -> str:
        for name, address in places.items():
            if text == f"{{{name}}}" or text.startswith(f"{{{name}}}/"):
                return address + text.removeprefix(f"{{{name}}}")
        return text

    return _changed(value, change)


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _changed(each, change) for name, each in value.items()}
    return [_changed(each, change) for each in value] if isinstance(value, list) else value
