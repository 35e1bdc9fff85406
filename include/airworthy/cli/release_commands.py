"""``airworthy ledger``, ``release`` and ``rollback``: what was released and why, releasing, and going back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_to_stderr, new_run_id, user_name
from airworthy.cli.release_in_process import (
    REJECTED,
    WAITS_FOR_APPROVAL,
    print_release,
    release_version,
)
from airworthy.days import floor_day
from airworthy.environment import load_environment
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.ledger import Entry


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("ledger")(ledger)
    app.command("release")(release)
    app.command("rollback")(rollback)


def ledger(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[verify] MODEL", help="With verify: check the hash chain."),
    ],
    at: Annotated[
        str | None, typer.Option(help="A time or a day's first moment, UTC: what served then?")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object a line.")] = False,
) -> None:
    """Print every decision about MODEL, oldest first; or what served at a time; or whether the ledger is whole."""
    from airworthy.ledger import open_ledger

    if len(words) > 2 or (len(words) == 2 and (words[0] != "verify" or at is not None)):
        received = " ".join(words) + (f" --at {at}" if at else "")
        raise TerminalError(
            "the ledger command takes one model",
            received=received,
            allowed="airworthy ledger MODEL [--at TIME] [--json], airworthy ledger verify MODEL",
        )
    model = words[-1]
    entries = open_ledger(load_environment(), model).entries()
    if len(words) == 2:
        _verify(model, entries, as_json)
    elif at is not None:
        _print_served(model, entries, at, as_json)
    else:
        _print_entries(entries, as_json)


def _verify(model: str, entries: list[Entry], as_json: bool) -> None:
    _demand_whole(model, entries)
    whole = {"model": model, "whole": True, "entries": len(entries)}
    typer.echo(
        json.dumps(whole) if as_json else f"{model}: the ledger is whole: {len(entries)} entries"
    )


def _demand_whole(model: str, entries: list[Entry]) -> None:
    from airworthy.ledger import changed, first_break

    broken = first_break(entries)
    if broken is not None:
        raise changed(f"{broken.sequence} ({broken.entry_id})", model)


def _print_served(model: str, entries: list[Entry], at: str, as_json: bool) -> None:
    from airworthy.ledger.ledger_queries import parse_moment, served_at

    moment = parse_moment(at)
    _demand_whole(model, entries)  # An answer from a changed ledger would be no evidence.
    service = served_at(entries, moment)
    if as_json:
        found = asdict(service) if service else None
        typer.echo(json.dumps({"model": model, "at": moment.isoformat(), "served": found}))
    elif service is None:
        typer.echo(
            f"{model}: no version served at {moment.isoformat()}: none had been released yet"
        )
    else:
        known = service.evidence
        lines = [
            f"{model}: version {service.version} served at {moment.isoformat()}",
            f"  since:    {service.since}",
            f"  until:    {service.until or 'it serves still'}",
            f"  reason:   {service.reason}",
            f"  run:      {service.run_id}",
            f"  who:      {service.who}",
            f"  verdict:  {'; '.join([str(known['verdict'] or 'not recorded'), *known['verdict_reasons']])}",
            f"  dataset:  {known['dataset_digest'] or 'not recorded'}",
            f"  bundle:   {known['bundle_digest'] or 'not recorded'}",
        ]
        typer.echo("\n".join(lines))


def _print_entries(entries: list[Entry], as_json: bool) -> None:
    from airworthy.cli.ledger_lines import ledger_line

    for entry in entries:
        typer.echo(json.dumps(asdict(entry)) if as_json else ledger_line(entry))


def release(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    version: Annotated[
        str, typer.Argument(help="A registered version whose verdict lets it be released.")
    ],
    approve: Annotated[
        str | None, typer.Option(help="Approve it, in your name; the words are recorded.")
    ] = None,
    promote: Annotated[
        str, typer.Option(help="auto, or always: though its data are older.")
    ] = "auto",
    run_id: Annotated[
        str | None, typer.Option(help="Go on with the release that this run began.")
    ] = None,
) -> None:
    """Take a registered VERSION of MODEL to production: staging, approval, every step of its rollout, champion.

    Exits 3 when something speaks against it, 4 when it waits for an approval.
    """
    from airworthy.registry.mlflow_errors import explained
    from airworthy.registry.registry import open_registry
    from airworthy.registry.stage_outputs import read_delivery

    log_to_stderr()
    environment = load_environment()
    with explained(environment):
        payload = read_delivery(open_registry(environment), model, version)
    payload["run"] = {
        "model": model,
        "as_of": payload["dataset"]["window"]["end"],
        "reason": "manual",
        "promote": promote,
        "run_id": run_id or new_run_id(),
        "requested_by": user_name(),
    }
    payload = release_version(payload, approve)
    print_release(payload)
    if "deployment" not in payload:
        raise typer.Exit(WAITS_FOR_APPROVAL)
    if not payload["deployment"]["promoted"]:
        raise typer.Exit(REJECTED)


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    to_version: Annotated[
        str | None, typer.Option(help="Go back to this version. Default: the last good one.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "no reason was given",
    run_id: Annotated[
        str | None, typer.Option(help="Complete the rollback that this run began.")
    ] = None,
) -> None:
    """Give all traffic back to an earlier champion of MODEL, checked first. The bad one does not come back by itself.

    Given again after it was cut off, it completes what it began.
    """
    from airworthy.stages import run_stage

    log_to_stderr()
    if not reason.strip():
        raise TerminalError(
            "the reason is empty", model=model, allowed="some words, or no --reason"
        )
    now = datetime.now(UTC)
    request = {
        "model": model,
        "as_of": floor_day(now).isoformat(),
        "reason": "manual",
        "run_id": run_id or new_run_id(),
        "requested_by": user_name(),
    }
    asked = {"to_version": to_version, "reason": reason.strip()}
    done = run_stage("rollback", {"run": request, "rollback_request": asked})
    typer.echo(
        f"{model}: version {done['to_version']} serves again instead of version {done['from_version']}: "
        f"{done['reason']} (parity on {done['parity_rows']} rows: {done['max_difference']:.3g})"
    )
