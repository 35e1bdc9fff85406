"""``airworthy login`` and ``logout``: keep and forget a person's token of Airflow."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from airworthy.cli.json_output import Json, print_lines
from airworthy.cli.kept_tokens import forget_tokens, keep_token
from airworthy.environment import load_environment
from airworthy.errors import TerminalError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("login")(login)
    app.command("logout")(logout)


def login(
    url: Annotated[
        str | None, typer.Option(help="Airflow's address. Default: the environment's airflow_url.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Your name in Airflow.")] = None,
    token: Annotated[
        bool,
        typer.Option("--token", help="Read a token from standard input, and ask no password."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Log in to Airflow: approvals on the command line are then given in your name.

    The password is asked for once, or read from standard input. Only the token is kept, in a file
    that nobody else may read, until its time is over.
    """
    from airworthy.cli.airflow_session import AirflowSession, new_token

    address = _address(url)
    if token:
        given = _secret("Token")
    else:
        name = user or typer.prompt("User", err=True)
        given = new_token(address, name, _secret(f"Password of {name}"))
    person = AirflowSession(address, given).person()
    path = keep_token(address, given)
    kept = {"url": address, "who": person.who, "file": path}
    line = f"logged in to {address} as {person.who}; the token is in {path}"
    print_lines(as_json, [kept], [line])


def logout(
    url: Annotated[
        str | None, typer.Option(help="Airflow's address. Default: all addresses.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Forget the kept tokens."""
    forgotten = forget_tokens(url)
    line = f"logged out of {', '.join(forgotten) or 'nothing: no token was kept'}"
    print_lines(as_json, [{"urls": forgotten}], [line])


def _address(url: str | None) -> str:
    address = (url or load_environment().airflow_url or "").rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TerminalError(
            "there is no address of Airflow",
            received=address or "no --url, and no airflow_url in the environment's file",
            allowed="https://airflow.example.org",
            next_step="airworthy login --url ADDRESS",
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        typer.echo(f"warning: {address} is not encrypted: others may read the password", err=True)
    return address


def _secret(prompt: str) -> str:
    """Return a secret from the terminal, or the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, err=True)).strip()
    secret = sys.stdin.readline().strip()
    if not secret:
        raise TerminalError(
            "standard input is empty", received="nothing", allowed=f"one line: {prompt.lower()}"
        )
    return secret
