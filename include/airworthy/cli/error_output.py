"""Errors of the command line: a message for a person, or JSON, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from airworthy.cli.exit_codes import FAILED, SUCCESS, TRANSIENT
from airworthy.cli.json_output import asks_for_json, json_line
from airworthy.errors import AirworthyError, TransientError
from airworthy.masking import masked


def run_application(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the command of ``sys.argv`` and return its exit code.

    Without ``--json`` Typer shows a wrong usage, and ends the process.

    Args:
        app: The application.
        arguments: The words after ``airworthy``.

    Raises:
        AirworthyError: when the command fails; see `show_error`.
        SystemExit: when the command has ended the process.
    """
    if not asks_for_json(arguments):
        app()
        return SUCCESS
    try:
        return int(app(standalone_mode=False) or SUCCESS)
    except typer.TyperException as error:
        _print(_usage_error(error, arguments))
        return error.exit_code
    except typer.Abort:
        _print({"message": "the command was cut off", "exit_code": FAILED})
        return FAILED


def show_error(error: AirworthyError, arguments: Sequence[str]) -> int:
    """Print an error on standard error, and return its exit code.

    With ``--json`` it is one JSON object on the last line.
    """
    code = TRANSIENT if isinstance(error, TransientError) else FAILED
    if asks_for_json(arguments):
        _print(error_object(error, code))
    else:
        typer.echo(str(error), err=True)
    return code


def error_object(error: AirworthyError, code: int) -> dict[str, object]:
    """Return an error's parts, and the exit code."""
    return {
        "message": error.problem,
        "kind": error.kind,
        "model": error.model,
        "stage": error.stage,
        "received": _text(error.received),
        "allowed": _text(error.allowed),
        "consequence": error.consequence,
        "next_step": error.next_step,
        "exit_code": code,
    }


def _usage_error(error: typer.TyperException, arguments: Sequence[str]) -> dict[str, object]:
    context: typer.Context | None = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "airworthy"
    usage = context.command.collect_usage_pieces(context) if context is not None else ()
    return {
        "message": error.format_message(),
        "received": masked(" ".join(("airworthy", *arguments))),
        "allowed": " ".join((path, *usage)),
        "consequence": "nothing was done.",
        "next_step": f"{path} --help",
        "exit_code": error.exit_code,
    }


def _print(parts: dict[str, object]) -> None:
    """Print an object's parts that have a value."""
    given = {name: value for name, value in parts.items() if value not in (None, "")}
    typer.echo(json_line(given), err=True)


def _text(value: object) -> str | None:
    return None if value is None else masked(str(value))
