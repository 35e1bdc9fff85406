"""``airworthy ledger``, ``release`` and ``rollback``: read the ledger, release, roll back."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_to_stderr, manual_request
from airworthy.cli.release_in_process import (
    REJECTED,
    WAITS_FOR_APPROVAL,
    print_release,
    release_version,
)
from airworthy.days import floor_day
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError

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
    """Print MODEL's decisions, oldest first; or its champion at a time; or check the ledger."""
    from airworthy.cli.model_names import require_known_model
    from airworthy.ledger import open_ledger

    if len(words) > 2 or (len(words) == 2 and (words[0] != "verify" or at is not None)):
        received = " ".join(words) + (f" --at {at}" if at else "")
        raise TerminalError(
            "the ledger command takes one model",
            received=received,
            allowed="airworthy ledger MODEL [--at TIME] [--json], airworthy ledger verify MODEL",
        )
    model, environment = words[-1], load_environment()
    require_known_model(environment, model)
    entries = open_ledger(environment, model).entries()
    if len(words) == 2:
        _verify(model, entries, as_json)
    elif at is not None:
        _print_served(model, entries, at, as_json)
    else:
        _print_entries(entries, as_json)


def _verify(model: str, entries: list[Entry], as_json: bool) -> None:
    _require_unbroken(model, entries)
    result = {"model": model, "whole": True, "entries": len(entries)}
    text = f"{model}: the ledger is whole: {len(entries)} entries"
    typer.echo(json.dumps(result) if as_json else text)


def _require_unbroken(model: str, entries: list[Entry]) -> None:
    from airworthy.ledger import changed_entry_error, first_broken_entry

    broken = first_broken_entry(entries)
    if broken is not None:
        raise changed_entry_error(f"{broken.sequence} ({broken.entry_id})", model)


def _print_served(model: str, entries: list[Entry], at: str, as_json: bool) -> None:
    from airworthy.cli.ledger_lines import author
    from airworthy.ledger.ledger_queries import parse_moment, served_at

    moment = parse_moment(at)
    _require_unbroken(model, entries)  # An answer from a changed ledger would be no evidence.
    service = served_at(entries, moment)
    if as_json:
        served = asdict(service) if service else None
        typer.echo(json.dumps({"model": model, "at": moment.isoformat(), "served": served}))
    elif service is None:
        typer.echo(
            f"{model}: no version served at {moment.isoformat()}: none had been released yet"
        )
    else:
        evidence = service.evidence
        verdict = [str(evidence["verdict"] or "not recorded"), *evidence["verdict_reasons"]]
        lines = [
            f"{model}: version {service.version} served at {moment.isoformat()}",
            f"  since:    {service.since}",
            f"  until:    {service.until or 'it serves still'}",
            f"  reason:   {service.reason}",
            f"  run:      {service.run_id}",
            f"  who:      {author(service)}",
            f"  verdict:  {'; '.join(verdict)}",
            f"  dataset:  {evidence['dataset_digest'] or 'not recorded'}",
            f"  bundle:   {evidence['bundle_digest'] or 'not recorded'}",
        ]
        typer.echo("\n".join(lines))


def _print_entries(entries: list[Entry], as_json: bool) -> None:
    from airworthy.cli.ledger_lines import ledger_line

    for entry in entries:
        typer.echo(json.dumps(entry.stored) if as_json else ledger_line(entry))


def release(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    version: Annotated[
        str, typer.Argument(help="A registered version with a verdict that allows its release.")
    ],
    approve: Annotated[
        str | None,
        typer.Option(help="Approve it, in your name (see login); the words are recorded."),
    ] = None,
    promote: Annotated[
        str, typer.Option(help="auto, or always: though its data are older.")
    ] = "auto",
    run_id: Annotated[
        str | None, typer.Option(help="Go on with the release that this run began.")
    ] = None,
) -> None:
    """Release a registered VERSION of MODEL: staging, approval, every rollout step, champion.

    Exits 3 when there are blockers, 4 when it waits for an approval.
    """
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.registry.registry import open_registry
    from airworthy.registry.stage_outputs import read_stage_outputs

    log_to_stderr()
    environment = load_environment()
    with mlflow_errors(environment):
        payload = read_stage_outputs(open_registry(environment), model, version)
    as_of = payload["dataset"]["window"]["end"]
    payload["run"] = {**manual_request(model, as_of, run_id), "promote": promote}
    payload = release_version(payload, approve)
    print_release(payload)
    if "approved_run" in payload:
        return
    if "deployment" not in payload:
        raise typer.Exit(WAITS_FOR_APPROVAL)
    if not payload["deployment"]["promoted"]:
        raise typer.Exit(REJECTED)


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    to_version: Annotated[
        str | None, typer.Option(help="Go back to this version. Default: the last good one.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is recorded.")] = None,
    run_id: Annotated[
        str | None, typer.Option(help="Complete the rollback that this run began.")
    ] = None,
    break_glass: Annotated[
        bool,
        typer.Option(
            "--break-glass",
            help="At once, with the model server and the versions on its disk alone.",
        ),
    ] = False,
    server: Annotated[
        list[str] | None,
        typer.Option(help="With --break-glass: a server's address; may be repeated."),
    ] = None,
) -> None:
    """Give all traffic back to an earlier champion of MODEL, after a check of its answers.

    The version that is rolled back stays out until a person brings it back. The same command again
    completes a rollback that was cut off.

    With --break-glass it needs neither the ledger, nor MLflow, nor a disk that can be written to.
    The server records it in the ledger as soon as it can.
    """
    from airworthy.cli import break_glass as glass

    log_to_stderr()
    if break_glass:
        if run_id is not None:
            raise TerminalError("--break-glass begins a rollback of its own", allowed="no --run-id")
        glass.break_glass(model, to_version, reason, server or [])
        return
    if server:
        raise TerminalError("--server is for --break-glass", next_step="add --break-glass")
    try:
        _roll_back(model, to_version, "no reason was given" if reason is None else reason, run_id)
    except AirworthyError as error:
        glass.tell_of_break_glass(error, model)
        raise


def _roll_back(model: str, to_version: str | None, reason: str, run_id: str | None) -> None:
    from airworthy.stages import run_stage

    if not reason.strip():
        raise TerminalError(
            "the reason is empty", model=model, allowed="some words, or no --reason"
        )
    run = manual_request(model, floor_day(datetime.now(UTC)).isoformat(), run_id)
    request = {"to_version": to_version, "reason": reason.strip()}
    result = run_stage("rollback", {"run": run, "rollback_request": request})
    parity = f"parity on {result['parity_rows']} rows: {result['max_difference']:.3g}"
    typer.echo(
        f"{model}: version {result['to_version']} serves again instead of version "
        f"{result['from_version']}: {result['reason']} ({parity})"
    )
