"""Addresses of this machine itself: no proxy can reach them for us."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_ADDRESSES = ("localhost", "127.0.0.1", "::1")
_NAMES = ("NO_PROXY", "no_proxy")


def keep_loopback_direct(variables: MutableMapping[str, str] | None = None) -> None:
    """Exclude this machine's own addresses from the proxies that the variables name.

    Clients of HTTP take ``HTTP_PROXY`` and ``ALL_PROXY`` for every address that ``NO_PROXY`` lacks.

    Args:
        variables: The environment variables; None: those of this process.

    >>> variables = {"NO_PROXY": "intern.example"}
    >>> keep_loopback_direct(variables)
    >>> variables["no_proxy"]
    'intern.example,localhost,127.0.0.1,::1'
    """
    variables = os.environ if variables is None else variables
    given = [variables.get(name, "") for name in _NAMES]
    listed = [each.strip() for text in given for each in text.split(",") if each.strip()]
    text = ",".join(dict.fromkeys([*listed, *_ADDRESSES]))
    for name in _NAMES:
        variables[name] = text
