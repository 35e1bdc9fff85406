"""``airworthy adopt``: a named person releases the version that a moved alias named."""

from __future__ import annotations

from typing import Annotated

import typer

from airworthy.cli.caller import manual_request
from airworthy.cli.completion import Model, complete_versions
from airworthy.cli.json_output import Json
from airworthy.cli.release_commands import Approve, Promote, release_recorded
from airworthy.environment import load_environment
from airworthy.errors import TerminalError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("adopt")(adopt)


def adopt(
    model: Model,
    version: Annotated[
        str,
        typer.Argument(help="The version that the alias named.", autocompletion=complete_versions),
    ],
    reason: Annotated[str, typer.Option(help="Why; it is recorded with your name.")],
    approve: Approve = None,
    promote: Promote = "auto",
    as_json: Json = False,
) -> None:
    """Release the VERSION of MODEL that an alias named which somebody moved in MLflow.

    Only a version that the ledger registered as approved is adopted, by all steps of a release.
    """
    from airworthy.ledger import open_ledger
    from airworthy.ledger.events import Adoption
    from airworthy.ledger.registered_versions import registered_digest, registration_blockers
    from airworthy.traffic import traffic_of

    words = reason.strip()
    if not words:
        raise TerminalError("the reason is empty", model=model, allowed="some words")
    ledger = open_ledger(load_environment(), model)
    entries = ledger.entries()
    digest = registered_digest(entries, model, version)
    blockers = registration_blockers(entries, version, digest)
    if blockers:
        raise TerminalError(
            f"version {version} cannot be adopted: {'; '.join(blockers)}",
            model=model,
            received=f"version {version}",
            allowed="a version that the ledger registered as approved",
            next_step=f"airworthy run {model} trains a new challenger",
        )
    run = manual_request(model, "1970-01-01T00:00:00+00:00")
    champion = traffic_of(entries).champion_version
    ledger.append(
        Adoption(version=version, champion=champion, reason=words),
        run_id=run["run_id"],
        who=run["requested_by"],
        proved_by=run["requested_by_proof"],
    )
    release_recorded(model, version, approve, promote, run["run_id"], as_json=as_json)
