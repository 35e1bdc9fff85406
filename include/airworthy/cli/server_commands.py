"""``airworthy servers``: the model servers, and the versions that each of them serves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import typer

from airworthy.cli.json_output import Json, print_lines
from airworthy.environment import load_environment


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("servers")(servers)


def servers(
    as_json: Json = False,
) -> None:
    """Print each model server by its last report, one a line. Times are in UTC.

    A server is ready, not ready, silent (no report within its lease) or stopped. For each model:
    the champion, the versions beside it, and the ledger's entry that the server follows.
    """
    from airworthy.cli.server_lines import server_lines, server_object
    from airworthy.ledger.events import ServerRole
    from airworthy.traffic.replica_reports import open_replica_reports

    environment = load_environment()
    replicas = [
        replica
        for role in sorted(get_args(ServerRole))
        for replica in open_replica_reports(environment, role).read()
    ]
    now = datetime.now(UTC)
    lines = server_lines(replicas, now)
    if not replicas:
        lines = [f"no model server has reported below {environment.lake}: airworthy serve"]
    print_lines(as_json, [server_object(each, now) for each in replicas], lines)
