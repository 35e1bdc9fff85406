"""``airworthy models`` and ``retire``: all models with their state, and the end of one."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from airworthy.cli.caller import new_run_id, user_name
from airworthy.environment import load_environment
from airworthy.errors import TerminalError


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("models")(models)
    app.command("retire")(retire)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object a line.")] = False,
) -> None:
    """Print each model: its champion and its age, the last verdict, and what waits for a person."""
    from airworthy.cli.model_lines import model_lines
    from airworthy.model_status.summaries import model_summaries

    environment = load_environment()
    states = [summary.state for summary in model_summaries(environment)]
    if as_json:
        lines = [json.dumps(state.as_json()) for state in states]
    elif states:
        lines = model_lines(states)
    else:
        lines = [f"there is no model below {environment.models}: airworthy new-model NAME"]
    for line in lines:
        typer.echo(line)


def retire(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take it back: the same champion serves again.")
    ] = False,
) -> None:
    """End MODEL's service: no version serves, none is released. Nothing is deleted."""
    from airworthy.cli.model_names import require_known_model
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.release.retirement import Caller, retire_model, take_back_retirement

    if not reason.strip():
        raise TerminalError(
            "a retirement needs a reason",
            model=model,
            received="no words",
            allowed="some words; they are recorded",
            next_step=f'airworthy retire {model}{" --undo" if undo else ""} --reason "..."',
        )
    environment = load_environment()
    require_known_model(environment, model)
    caller = Caller(user_name(), "operating system", new_run_id())
    with mlflow_errors(environment):
        if undo:
            move = take_back_retirement(environment, model, reason.strip(), caller)
            typer.echo(f"{model}: version {move.event.to} serves again (entry {move.sequence})")
            return
        entry = retire_model(environment, model, reason.strip(), caller)
    typer.echo(
        f"{model}: version {entry.event.from_version} serves no more (entry {entry.sequence})\n"
        f"next: turn its DAGs off, or delete {environment.models / model}; "
        f"airworthy retire {model} --undo brings it back"
    )
