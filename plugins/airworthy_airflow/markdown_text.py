"""Texts of data and people in Markdown: they are shown as they are, and never become links or markup.

Airflow's UI shows Markdown by react-markdown with GitHub's extensions. It drops HTML, shows pictures
from anywhere, and makes links of addresses. So a text is escaped, or stands in a code span.
"""

from __future__ import annotations

import re

from airworthy.shown_text import one_line

_MARKUP = re.compile(r"[\\`*\[\]<>&#~|]|(?<!\w)_|_(?!\w)")
# A list, a heading or a rule, at the beginning of a line.
_BLOCK = re.compile(r"^([-+=](?=[-+=]*(\s|$))|\d+(?=[.)](\s|$)))")
# Airflow's page makes links of these by itself. Only in a code span it does not.
_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)


def as_text(text: str) -> str:
    r"""Return a text as Markdown that shows it, on one line. Addresses in it stand in code spans.

    >>> print(as_text("city=[win](https://x.example) is *new*"))
    `city=[win](https://x.example)` is \*new\*
    """
    shown = " ".join(
        as_code(word) if _ADDRESS.search(word) else _escaped(word)
        for word in _on_one_line(text).split(" ")
    )
    return _BLOCK.sub(_escaped_block, shown)


def as_code(text: str) -> str:
    """Return a text as a code span on one line, also of a table."""
    shown = _on_one_line(text).replace("`", "'").replace("|", "\\|")
    return f"`{shown or ' '}`"  # two backticks alone would begin a span


def _on_one_line(text: str) -> str:
    """Return a text on one line. Control characters and what turns its direction are escapes."""
    return one_line(" ".join(text.split()))


def _escaped(word: str) -> str:
    return _MARKUP.sub(lambda found: f"\\{found[0]}", word)


def _escaped_block(found: re.Match[str]) -> str:
    """Return the begin of a line with a backslash: before a sign, and behind a number."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"
