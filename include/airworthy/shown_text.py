r"""People's text as it is shown: nothing in it can look like a line of its own, or act on a terminal.

What people, sources and clients write is kept as it came. It is escaped where it is shown: line
breaks, control characters (a terminal obeys them) and the characters that turn the direction of
writing. An escape is the one of Python: ``\n``, ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control, format, surrogate, line and paragraph separator."""
# Joiners: some scripts and emoji need them, and they neither break a line nor turn it.
_KEPT = frozenset({"\u200c", "\u200d"})
_LAYOUT = frozenset({"\n", "\t"})


def one_line(text: object) -> str:
    r"""Return a text on one line: every line break, control and bidi character is an escape.

    >>> print(one_line("late" + chr(10) + "  12  alias_move" + chr(27) + "[2K"))
    late\n  12  alias_move\x1b[2K
    """
    return _escaped(str(text), _KEPT)


def visible(text: object) -> str:
    r"""Return a text of several lines: other control and bidi characters are escapes.

    >>> print(visible("a" + chr(13) + chr(0x202E)))
    a\r\u202e
    """
    return _escaped(str(text), _KEPT | _LAYOUT)


def indented(text: object, indent: int) -> str:
    """Return a text whose further lines are indented, so that none can look like a line of its own.

    Args:
        text: The text.
        indent: The number of spaces before each further line.
    """
    return visible(text).replace("\n", "\n" + " " * indent)


def as_lines(texts: Iterable[object]) -> str:
    """Return texts as lines: none of them can make another one."""
    return "\n".join(map(one_line, texts))


def _escaped(text: str, kept: frozenset[str]) -> str:
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if char not in kept and unicodedata.category(char) in _ESCAPED
        else char
        for char in text
    )
