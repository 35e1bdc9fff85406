"""YAML as people write it: short, on one line each, with comments in one column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_PLAIN = re.compile(r"[^\W\d]\w*")
_COMMENT_COLUMN = 48


def scalar(value: Any) -> str:
    """Return a value for a block or a flow: a name as it is, any other text in quotes.

    >>> scalar("fare"), scalar("no"), scalar("a: b"), scalar(0.5), scalar(True)
    ('fare', '"no"', '"a: b"', '0.5', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """Return a value in flow style, such as ``{column: fare, bins: [1, 2]}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def with_comment(line: str, comment: str) -> str:
    """Return a line with a comment behind it.

    >>> with_comment("a: 1", "why")
    'a: 1                                            # why'
    """
    return f"{line.ljust(_COMMENT_COLUMN - 2)}  # {one_line(comment)}" if comment else line


def one_line(text: str) -> str:
    """Return a text without line ends and control characters, for a comment or a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)


def block(lines: Iterable[str], indent: int) -> list[str]:
    """Return lines, each deeper by `indent` blanks; their comments stay in their column."""
    wide = re.compile(rf"(\S)(  +) {{{indent}}}(# )")
    aligned = [wide.sub(r"\1\2\3", line, count=1) for line in lines]
    return [f"{' ' * indent}{line}" for line in aligned]
