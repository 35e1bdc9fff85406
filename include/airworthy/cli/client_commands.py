"""``airworthy clients``: who may ask the model servers of this machine, and for what."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from airworthy.cli.json_output import Json, print_json
from airworthy.client_tokens import (
    CLIENT_TOKENS,
    CLIENT_TOKENS_FILE,
    SCOPES,
    USUAL_SCOPES,
    ClientScope,
    KnownClient,
    add_client,
    known_clients,
    no_such_client,
    remove_client,
    rotate_client,
)
from airworthy.environment import load_environment
from airworthy.errors import TerminalError
from airworthy.spec.fields import format_duration, parse_duration

Name = Annotated[str, typer.Argument(help="The client's name: a to z, 0 to 9, _, . and -.")]
Scope = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help="What the token opens: predict, label, or admin, which is administration and both others. Repeat it for "
        f"several. Without it: {' and '.join(USUAL_SCOPES)}.",
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        "--keep", help="How long the client's other tokens stay good, such as 1h. 0s: not at all."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    clients = typer.Typer(help="The clients of the model servers, and their tokens.")
    clients.command("list")(list_clients)
    clients.command("add")(add)
    clients.command("rotate")(rotate)
    clients.command("remove")(remove)
    app.add_typer(clients, name="clients")


def list_clients(as_json: Json = False) -> None:
    """Print each client's tokens: name, time of making in UTC, scopes, and the end if it has one. No token is shown."""
    known = known_clients(load_environment().client_tokens_file)
    for client in known if as_json else ():
        print_json(
            {
                "client": client.name,
                "since": client.since,
                "scopes": list(client.scopes),
                "until": client.until,
            }
        )
    for client in () if as_json else known:
        typer.echo(_line(client))
    if not (known or as_json):
        typer.echo("no client has a token: airworthy clients add NAME")


def add(name: Name, scope: Scope = None, as_json: Json = False) -> None:
    """Give a client a further token, and print it. It is kept nowhere: it is shown once."""
    _refuse_variable()
    scopes = _scopes(scope)
    token = add_client(load_environment().client_tokens_file, name, scopes)
    _print_token({"client": name, "token": token, "scopes": list(scopes)}, as_json)


def rotate(name: Name, keep: Keep = "1d", as_json: Json = False) -> None:
    """Give a client a new token with the scopes of its newest one, and print it. Its other tokens end.

    Running servers know it within a second or two. Labels of answers to the old tokens are still taken.
    """
    _refuse_variable()
    time = _duration(keep)
    token = rotate_client(load_environment().client_tokens_file, name, time)
    if not as_json:
        typer.echo(f"its other tokens are good for {format_duration(time)}", err=True)
    _print_token({"client": name, "token": token, "keep": format_duration(time)}, as_json)


def remove(name: Name, as_json: Json = False) -> None:
    """Take all tokens from a client. Running servers know within a second or two."""
    _refuse_variable()
    file = load_environment().client_tokens_file
    if not remove_client(file, name):
        raise no_such_client(name, known_clients(file))
    if as_json:
        print_json({"client": name, "removed": True})
    else:
        typer.echo(f"{name} has no token any more")


def _line(client: KnownClient) -> str:
    since = f"{client.since:%Y-%m-%d %H:%M:%S}" if client.since else "of a variable"
    word = "ended" if client.has_ended(datetime.now(UTC)) else "until"
    until = f"  {word} {client.until:%Y-%m-%d %H:%M:%S}" if client.until else ""
    return f"{client.name}  {since}  {'+'.join(client.scopes)}{until}"


def _print_token(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    typer.echo(shown["token"])
    typer.echo("the client sends it as: Authorization: Bearer TOKEN", err=True)


def _scopes(named: list[str] | None) -> tuple[ClientScope, ...]:
    wrong = [each for each in named or [] if each not in SCOPES]
    if wrong:
        raise TerminalError(
            "this is no scope of a client's token",
            received=", ".join(wrong),
            allowed=", ".join(SCOPES),
            next_step="airworthy clients add NAME --scope predict",
        )
    return tuple(each for each in SCOPES if each in named) if named else USUAL_SCOPES


def _duration(text: str) -> Any:
    try:
        return parse_duration(text)
    except ValueError:
        raise TerminalError(
            "this is no length of time", received=f"--keep {text}", allowed="1h, 1d, 0s"
        ) from None


def _refuse_variable() -> None:
    """Refuse to change a file that nobody reads."""
    for variable in (CLIENT_TOKENS, CLIENT_TOKENS_FILE):
        if os.environ.get(variable, "").strip():
            raise TerminalError(
                f"the clients are those of the variable {variable}, not of this machine's file",
                next_step=f"change what {variable} says where it is kept"
                + ("" if variable == CLIENT_TOKENS_FILE else ", and restart the servers"),
            )
