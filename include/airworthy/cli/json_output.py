"""The option ``--json``, and one JSON object on a line of standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic_core import from_json, to_json

OPTION = "--json"
Json = Annotated[bool, typer.Option(OPTION, help="Print JSON: one object a line.")]


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Return whether the words after ``airworthy`` have the option.

    >>> asks_for_json(["models", "--json"]), asks_for_json(["check", "--", "--json"])
    (True, False)
    """
    words = list(arguments)
    return OPTION in words[: words.index("--") if "--" in words else None]


def print_json(value: object) -> None:
    """Print an object on a line of standard output: see `json_line`."""
    typer.echo(json_line(value))


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
