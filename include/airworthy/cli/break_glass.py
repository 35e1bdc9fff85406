"""``airworthy rollback --break-glass``: goes back with the model servers alone."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from airworthy.cli.json_output import print_lines
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError


def break_glass(
    model: str,
    to_version: str | None,
    reason: str | None,
    servers: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Make each server go back at once. Ledger, registry, Airflow and this disk are not asked.

    Args:
        model: The model.
        to_version: The version to go back to; None: the last good one.
        reason: The person's words.
        servers: The servers' addresses; empty: the environment's.
        as_json: Print a JSON object for each server.

    Raises:
        AirworthyError: when no server, or not each of them, went back. It names the others.
    """
    if not (reason or "").strip():
        raise TerminalError(
            "going back without the ledger needs a reason",
            model=model,
            next_step=f'airworthy rollback {model} --break-glass --reason "..."',
        )
    failed: list[AirworthyError] = []
    for url in servers or (load_environment().server_url,):
        try:
            _go_back(url, model, to_version, str(reason).strip(), as_json=as_json)
        except AirworthyError as error:
            typer.echo(f"{url}: {error}", err=True)
            failed.append(error)
    if failed:
        raise failed[0]


def _go_back(url: str, model: str, to_version: str | None, reason: str, *, as_json: bool) -> None:
    from airworthy.cli.caller import user_name
    from airworthy.release.server_client import ServerClient
    from airworthy.server_settings import server_token

    token = server_token(load_environment().server_token_file)
    with ServerClient(url, token) as server:
        done = server.break_glass(model, to_version, reason, user_name())
    line = (
        f"{model}: version {done['to_version']} serves again at {url} instead of version "
        f"{done['from_version']}. The ledger is written as soon as it can be: airworthy ledger "
        f"{model}"
    )
    print_lines(as_json, [{"model": model, "url": url, **done}], [line])
    if not done["on_disk"]:
        typer.echo(
            "the server's disk could not be written to: after a restart of the server, and in its "
            "other workers, this does not hold. Give the order again then",
            err=True,
        )


def tell_of_break_glass(error: AirworthyError, model: str) -> None:
    """Put the way back without the ledger before the next step of a rollback that failed."""
    way = (
        "at once, with the model server alone: "
        f'airworthy rollback {model} --break-glass --reason "..."'
    )
    error.next_step = f"{way}; or: {error.next_step}" if error.next_step else way
