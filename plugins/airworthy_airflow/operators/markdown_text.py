"""Texts of data and people in Markdown: they are shown as they are, and never become links or markup."""

from __future__ import annotations

import re

from airworthy.shown_text import one_line

_MARKUP = re.compile(r"[\\`*\[\]<>&#~|]|(?<!\w)_|_(?!\w)")
# Airflow's page makes links of these by itself. Only in a code span it does not.
_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)


def as_text(text: str) -> str:
    r"""Return a text as Markdown that shows it, on one line. Addresses in it stand in code spans.

    >>> print(as_text("city=[win](https://x.example) is *new*"))
    `city=[win](https://x.example)` is \*new\*
    """
    return " ".join(
        as_code(word) if _ADDRESS.search(word) else _escaped(word) for word in _words(text)
    )


def as_code(text: str) -> str:
    """Return a text as a code span on one line, also of a table."""
    return "`" + " ".join(_words(text)).replace("`", "'").replace("|", "\\|") + "`"


def _words(text: str) -> list[str]:
    """Return the words of a text. Control characters and what turns its direction are escapes."""
    return [one_line(word) for word in text.split()]


def _escaped(word: str) -> str:
    return _MARKUP.sub(lambda found: f"\\{found[0]}", word)
