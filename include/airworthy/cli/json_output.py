"""The option ``--json``, and one JSON object on a line of standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TextIO

import typer
from pydantic_core import from_json, to_json

OPTION = "--json"
# Standard output as it was, while a command with the option runs.
_results: list[TextIO] = []


@contextmanager
def _results_alone() -> Iterator[None]:
    """Send to standard error what features and libraries print: results are for a program."""
    _results.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()


def _begin(context: typer.Context, given: bool) -> bool:
    if given and not context.resilient_parsing:
        context.with_resource(_results_alone())
    return given


Json = Annotated[bool, typer.Option(OPTION, help="Print JSON: one object a line.", callback=_begin)]


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Return whether the words after ``airworthy`` have the option.

    >>> asks_for_json(["models", "--json"]), asks_for_json(["check", "--", "--json"])
    (True, False)
    """
    words = list(arguments)
    return OPTION in words[: words.index("--") if "--" in words else None]


def print_json(value: object) -> None:
    """Print an object on a line of standard output: see `json_line`."""
    print_result(json_line(value))


def print_result(text: str) -> None:
    """Print a line on standard output, also where ``--json`` keeps other words away from it."""
    typer.echo(text, file=_results[-1] if _results else None)


def json_line(value: object) -> str:
    r"""Return an object as JSON on one line of ASCII characters.

    Times are ISO 8601. A number that JSON lacks, such as infinity, is null. Any terminal shows the
    line as it is: other characters are escaped.

    Args:
        value: A mapping, a model of Pydantic or a dataclass.

    >>> json_line({"model": "größe", "rmse": float("nan")})
    '{"model": "gr\\u00f6\\u00dfe", "rmse": null}'
    """
    return json.dumps(json_values(value))


def json_values(value: object) -> Any:
    """Return the same as `json_line`, as JSON values."""
    return from_json(to_json(value, inf_nan_mode="null"))


def print_lines(
    as_json: bool, objects: Sequence[Mapping[str, Any] | object], lines: Sequence[str]
) -> None:
    """Print objects as JSON, or lines for a person.

    Args:
        as_json: Whether ``--json`` was given.
        objects: The objects, one a line.
        lines: The lines.
    """
    for each in objects if as_json else ():
        print_json(each)
    for line in () if as_json else lines:
        typer.echo(line)
