"""``airworthy promote``: a version of one environment goes to another one, and is released there."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, user_name
from airworthy.cli.completion import complete_references
from airworthy.cli.exit_codes import REFUSED
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.model_names import require_known_model
from airworthy.cli.release_commands import Promote, exit_of_release, released
from airworthy.cli.release_in_process import print_release, release_object
from airworthy.environment import Environment
from airworthy.shown_text import one_line

if TYPE_CHECKING:
    from airworthy.promotion import Place, Promotion


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("promote")(promote)


def promote(  # noqa: PLR0913 - one parameter for each option
    reference: Annotated[
        list[str],
        typer.Argument(
            metavar="REF",
            autocompletion=complete_references,
            help="MODEL/VERSION, MODEL VERSION or MODEL@champion, in the environment it is from.",
        ),
    ],
    to: Annotated[str, typer.Option(help="The environment that it goes to, such as production.")],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", help="The environment that it is from. Default: the one of AIRWORTHY_ENV."
        ),
    ] = None,
    from_variables: Annotated[
        Path | None,
        typer.Option(help="File of lines NAME=value that lead to the one. Default: the shell's."),
    ] = None,
    to_variables: Annotated[
        Path | None,
        typer.Option(help="File of lines NAME=value that lead to the other. Default: the shell's."),
    ] = None,
    no_release: Annotated[
        bool, typer.Option("--no-release", help="Judge and register it there, and stop.")
    ] = False,
    approve: Annotated[
        str | None,
        typer.Option(help="Approve it there, in your name (see login); the words are recorded."),
    ] = None,
    promote: Promote = "auto",
    as_json: Json = False,
) -> None:
    """Promote a registered version from one environment to another: files, rows and evidence.

    There it is judged against the champion, registered, and released as every version is: staging,
    approval, rollout steps. The ledgers of both environments name each other's entries. The same
    command again completes a promotion that was cut off.

    Exits 3 when it is rejected there or has blockers, 4 when it waits for an approval.
    """
    from airworthy.promotion import promote_version, read_place, require_two
    from airworthy.promotion.request import PromotionRequest

    log_to_stderr()
    source = read_place(from_ or os.environ.get("AIRWORTHY_ENV") or "local", from_variables)
    target = read_place(to, to_variables)
    require_two(source, target)
    with source.entered() as environment:
        model, version = _version(environment, reference)
    request = PromotionRequest(model, version, source, target, user_name(), "operating system")
    promotion = promote_version(request)
    if not as_json:
        typer.echo(_words(promotion))
    release = {"approve": approve, "promote": promote}
    payload = None if no_release else _release(target, promotion, release)
    if as_json:
        print_json(asdict(promotion) | {"release": payload and release_object(payload)})
    elif payload is not None:
        print_release(payload)
    if promotion.validation_status != "approved":
        raise typer.Exit(REFUSED)
    if payload is not None:
        exit_of_release(payload)


def _version(environment: Environment, words: list[str]) -> tuple[str, str]:
    """Return model and version of a reference, and check that there is such a model."""
    from airworthy.versions.version_record import resolve_version

    model, version = resolve_version(environment, words)
    require_known_model(environment, model)
    return model, version


def _release(target: Place, promotion: Promotion, options: dict[str, Any]) -> dict[str, Any] | None:
    """Release an approved version where it is now; None: it is rejected, or champion already."""
    from airworthy.traffic.current_traffic import current_champion

    if promotion.validation_status != "approved":
        return None
    with target.entered() as environment:
        if current_champion(environment, promotion.model) == promotion.to_version:
            return None
        return released(promotion.model, promotion.to_version, **options, run_id=None)


def _words(promotion: Promotion) -> str:
    origin = f"{promotion.from_environment}'s version {promotion.from_version}"
    target = f"version {promotion.to_version} of {promotion.to_environment}"
    reasons = "; ".join(promotion.reasons)
    words = (
        f"{promotion.model}: {origin} is {target} ({promotion.validation_status}"
        f"{': ' if reasons else ''}{one_line(reasons)})"
    )
    entries = (
        f"entry {promotion.from_entry} of {promotion.from_environment}'s ledger, entry "
        f"{promotion.to_entry} of {promotion.to_environment}'s"
    )
    return f"{words}\n  {entries}; digest {promotion.bundle_digest}"
