"""``airworthy release`` and ``rollback``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, manual_request
from airworthy.cli.completion import Model, complete_versions
from airworthy.cli.exit_codes import REFUSED, WAITS_FOR_APPROVAL
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.model_names import require_known_model
from airworthy.cli.release_in_process import print_release, release_object, release_version
from airworthy.days import floor_day
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError
from airworthy.shown_text import one_line

Approve = Annotated[
    str | None, typer.Option(help="Approve it, in your name (see login); the words are recorded.")
]
Promote = Annotated[str, typer.Option(help="auto, or always: though its data are older.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("release")(release)
    app.command("rollback")(rollback)


def release(
    model: Model,
    version: Annotated[
        str,
        typer.Argument(
            help="A registered version with a verdict that allows its release.",
            autocompletion=complete_versions,
        ),
    ],
    approve: Approve = None,
    promote: Promote = "auto",
    run_id: Annotated[
        str | None, typer.Option(help="Go on with the release that this run began.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Release a registered VERSION of MODEL: staging, approval, every rollout step, champion.

    Exits 3 when there are blockers, 4 when it waits for an approval.
    """
    release_recorded(model, version, approve, promote, run_id, as_json=as_json)


def release_recorded(
    model: str,
    version: str,
    approve: str | None,
    promote: str,
    run_id: str | None,
    *,
    as_json: bool,
) -> None:
    """Release a version by the outputs that its stages left, and print the result.

    Args:
        model: The model's name.
        version: The registered version.
        approve: The caller's comment on the approval; None: no approval.
        promote: ``auto`` or ``always``.
        run_id: The release's run; None: a new one.
        as_json: Print a JSON object.

    Raises:
        TerminalError: when the ledger does not have its verdict or its files, or it may not go on.
        TransientError: when MLflow, the ledger or the server cannot be reached.
        typer.Exit: 3 when there are blockers, 4 when it waits for an approval.
    """
    log_to_stderr()
    require_known_model(load_environment(), model)
    payload = released(model, version, approve, promote, run_id)
    if as_json:
        print_json(release_object(payload))
    else:
        print_release(payload)
    exit_of_release(payload)


def released(
    model: str, version: str, approve: str | None, promote: str, run_id: str | None
) -> dict[str, Any]:
    """Release a version by the outputs that its stages left, and return the payload.

    Args:
        model: The model's name.
        version: The registered version.
        approve: The caller's comment on the approval; None: no approval.
        promote: ``auto`` or ``always``.
        run_id: The release's run; None: a new one.

    Raises:
        TerminalError: when the ledger does not have its verdict or its files, or it may not go on.
        TransientError: when MLflow, the ledger or the server cannot be reached.
    """
    from airworthy.ledger import open_ledger
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.registry.registry import open_registry
    from airworthy.registry.stage_outputs import read_stage_outputs
    from airworthy.release.recorded_outputs import require_recorded_outputs

    environment = load_environment()
    with mlflow_errors(environment):
        payload = read_stage_outputs(open_registry(environment), model, version)
    require_recorded_outputs(open_ledger(environment, model).entries(), payload)
    as_of = payload["dataset"]["window"]["end"]
    payload["run"] = {**manual_request(model, as_of, run_id), "promote": promote}
    return release_version(payload, approve)


def exit_of_release(payload: dict[str, Any]) -> None:
    """Exit with 3 when a release had blockers, with 4 when it waits for an approval.

    Raises:
        typer.Exit: then.
    """
    if "approved_run" in payload:
        return
    if "deployment" not in payload:
        raise typer.Exit(WAITS_FOR_APPROVAL)
    if not payload["deployment"]["promoted"]:
        raise typer.Exit(REFUSED)


def rollback(  # noqa: PLR0913 - one parameter for each option
    model: Model,
    to_version: Annotated[
        str | None,
        typer.Option(
            help="Go back to this version. Default: the last good one.",
            autocompletion=complete_versions,
        ),
    ] = None,
    from_version: Annotated[
        str | None,
        typer.Option(
            help="Only while this is the champion. Default: the present one.",
            autocompletion=complete_versions,
        ),
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
    as_json: Json = False,
) -> None:
    """Give all traffic back to an earlier champion of MODEL, after a check of its answers.

    The version that is rolled back stays out until a person brings it back. The same command again
    completes a rollback that was cut off.

    With --break-glass it needs neither the ledger, nor MLflow, nor a disk that can be written to.
    The server records it in the ledger as soon as it can.
    """
    requested_at = datetime.now(UTC)
    from airworthy.cli import break_glass as glass

    log_to_stderr()
    if break_glass:
        if run_id is not None:
            raise TerminalError("--break-glass begins a rollback of its own", allowed="no --run-id")
        glass.break_glass(model, to_version, reason, server or [], as_json=as_json)
        return
    if server:
        raise TerminalError("--server is for --break-glass", next_step="add --break-glass")
    try:
        result = _roll_back(
            model,
            "no reason was given" if reason is None else reason,
            run_id,
            to_version=to_version,
            from_version=from_version,
            requested_at=requested_at,
        )
    except AirworthyError as error:
        glass.tell_of_break_glass(error, model)
        raise
    if as_json:
        print_json(result)
    else:
        _print_rollback(model, result)


def _roll_back(
    model: str, reason: str, run_id: str | None, *, requested_at: datetime, **versions: str | None
) -> dict[str, Any]:
    from airworthy.stages import run_stage

    if not reason.strip():
        raise TerminalError(
            "the reason is empty", model=model, allowed="some words, or no --reason"
        )
    run = manual_request(model, floor_day(datetime.now(UTC)).isoformat(), run_id)
    request = {
        **versions,
        "requested_at": requested_at.isoformat(),
        "reason": reason.strip(),
    }
    return run_stage("rollback", {"run": run, "rollback_request": request})


def _print_rollback(model: str, result: dict[str, Any]) -> None:
    parity = f"parity on {result['parity_rows']} rows: {result['max_difference']:.3g}"
    typer.echo(
        f"{model}: version {result['to_version']} serves again instead of version "
        f"{result['from_version']}: {one_line(result['reason'])} ({parity})"
    )
