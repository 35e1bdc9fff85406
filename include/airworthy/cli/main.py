"""The console command. Every import here is paid by ``airworthy --help``, so commands import what they need."""

from __future__ import annotations

import sys

import typer

from airworthy.cli import run_commands, spec_commands
from airworthy.errors import AirworthyError

app = typer.Typer(
    name="airworthy",
    help="CI/CD for machine-learning models: inspect, approve, release and bring back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
spec_commands.register(app)
run_commands.register(app)


def main() -> None:
    """Run the command; an error raised on purpose becomes its message on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets an escape for it, never an exception.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        app()
    except AirworthyError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from None
