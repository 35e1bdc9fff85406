"""The progress of a long command on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from airworthy.progress import Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield a function that takes how much is done, of how much, and a text on what is done now."""
    if not sys.stderr.isatty():
        yield lambda done, total, text: typer.echo(f"{done}/{total}  {text}", err=True)
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.description}", markup=False),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(
            task, completed=done, total=total, description=text
        )
