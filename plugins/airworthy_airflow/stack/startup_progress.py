"""Shows the progress of a start: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console


class Report(Protocol):
    """Shows how far the work is. A repeated text is shown once."""

    def __call__(self, text: str, /) -> None:
        """Show the text."""


@contextmanager
def progress(console: Console, first: str) -> Iterator[Report]:
    """Yield a function that shows the progress."""
    if not console.is_terminal:
        yield _lines(console, first)
        return
    with console.status(first) as status:
        yield status.update


def _lines(console: Console, first: str) -> Report:
    shown: list[str] = []

    def report(text: str) -> None:
        if text not in shown[-1:]:
            shown.append(text)
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    report(first)
    return report
