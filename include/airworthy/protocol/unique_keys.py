"""Finds keys that are twice in one JSON object. Parsers keep one of the values and say nothing."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from airworthy.protocol.refusals import RefusedError, short_repr

_SPACED = (b" :", b"\t:", b"\n:", b"\r:")


def check_unique_keys(body: bytes, parsed: int) -> None:
    """Refuse a body with a key that is twice in one object.

    Args:
        body: Valid JSON.
        parsed: The number of keys that a parser kept. With too small a number the body is read
            once more, and the result is the same.

    Raises:
        RefusedError: 400. It names the key.
    """
    # Each key ends with `":`, unless a space is before the colon. So this number is never too
    # small, and with no more than the parsed keys no key was lost. Most bodies end here.
    if body.count(b'":') == parsed and not any(map(body.count, _SPACED)):
        return
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise RefusedError(400, "the body is nested too deeply", allowed="a flat table") from None


def parsed_keys(content: dict[str, Any]) -> int:
    """Return the number of keys of a request, its form, and the form's records; no deeper ones."""
    count = len(content)
    for form in content.values():
        if type(form) is dict:
            count += len(form)
        elif type(form) is list:
            count += sum(len(record) for record in form if type(record) is dict)
    return count


def _unique(pairs: list[tuple[str, Any]]) -> None:
    name, times = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 1)
    if times > 1:
        raise RefusedError(
            400,
            f"{name[:60]}: this key is there {times} times in one object, allowed: each key once",
            field=name[:60],
            received=f"{short_repr(name)} {times} times",
            allowed="each key once",
        )
