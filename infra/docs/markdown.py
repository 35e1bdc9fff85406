"""Pieces of Markdown for the reference pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- Made from the code by infra/docs/reference.py (`make docs`). Do not edit. -->"


def page(title: str, introduction: str, *parts: str) -> str:
    """Return a page.

    Args:
        title: Its heading.
        introduction: Its first paragraph.
        *parts: Its further parts, each without blank lines around it.
    """
    return "\n\n".join([NOTE, f"# {title}", introduction, *(part for part in parts if part)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; nothing without rows."""
    cells = [[_cell(text) for text in row] for row in rows]
    if not cells:
        return ""
    lines = [list(heads), ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    """Return a text as code."""
    return f"`{text}`" if str(text) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
