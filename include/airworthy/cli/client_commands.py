"""``airworthy clients``: who may ask the model servers of this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from airworthy.cli.json_output import Json, print_json
from airworthy.client_tokens import CLIENT_TOKENS, add_client, known_clients, remove_client
from airworthy.environment import load_environment
from airworthy.errors import TerminalError

Name = Annotated[str, typer.Argument(help="The client's name: a to z, 0 to 9, _, . and -.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    clients = typer.Typer(help="The clients of the model servers, and their tokens.")
    clients.command("list")(list_clients)
    clients.command("add")(add)
    clients.command("remove")(remove)
    app.add_typer(clients, name="clients")


def list_clients(as_json: Json = False) -> None:
    """Print each client's tokens: the name, and the time of making in UTC. No token is shown."""
    known = known_clients(load_environment().client_tokens_file)
    for client in known if as_json else ():
        print_json({"client": client.name, "since": client.since})
    for client in () if as_json else known:
        since = f"{client.since:%Y-%m-%d %H:%M:%S}" if client.since else f"of {CLIENT_TOKENS}"
        typer.echo(f"{client.name}  {since}")
    if not (known or as_json):
        typer.echo("no client has a token: airworthy clients add NAME")


def add(name: Name, as_json: Json = False) -> None:
    """Give a client a further token, and print it. It is kept nowhere: it is shown once."""
    _refuse_variable()
    token = add_client(load_environment().client_tokens_file, name)
    if as_json:
        print_json({"client": name, "token": token})
        return
    typer.echo(token)
    typer.echo("the client sends it as: Authorization: Bearer TOKEN", err=True)


def remove(name: Name, as_json: Json = False) -> None:
    """Take all tokens from a client. Running servers know within a second or two."""
    _refuse_variable()
    file = load_environment().client_tokens_file
    if not remove_client(file, name):
        names = sorted({client.name for client in known_clients(file)})
        raise TerminalError(
            "no such client has a token", received=name, allowed=", ".join(names) or "none has one"
        )
    if as_json:
        print_json({"client": name, "removed": True})
    else:
        typer.echo(f"{name} has no token any more")


def _refuse_variable() -> None:
    """Refuse to change a file that nobody reads."""
    if os.environ.get(CLIENT_TOKENS, "").strip():
        raise TerminalError(
            f"the clients are those of the variable {CLIENT_TOKENS}, not of this machine's file",
            next_step=f"change {CLIENT_TOKENS} where it is kept, and restart the servers",
        )
