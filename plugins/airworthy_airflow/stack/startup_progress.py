"""Telling how far something is: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console


class Tell(Protocol):
    """Says how far the work is; saying the same twice shows it once."""

    def __call__(self, text: str, /) -> None:
        """Show the text."""


@contextmanager
def progress(console: Console, first: str) -> Iterator[Tell]:
    """Yield a function that shows how far the work is."""
    if not console.is_terminal:
        yield _lines(console, first)
        return
    with console.status(first) as status:
        yield status.update


def _lines(console: Console, first: str) -> Tell:
    said: list[str] = []

    def tell(text: str) -> None:
        if text not in said[-1:]:
            said.append(text)
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    tell(first)
    return tell
