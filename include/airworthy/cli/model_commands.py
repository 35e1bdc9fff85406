"""``airworthy models`` and ``retire``: all models with their state, and the end of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import new_run_id, user_name
from airworthy.cli.completion import Model
from airworthy.cli.json_output import Json, print_lines
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment
    from airworthy.versions.model_state import ModelState


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("models")(models)
    app.command("retire")(retire)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object a line.")] = False,
) -> None:
    """Print each model: its champion and its age, the last verdict, and what waits for a person."""
    from airworthy.cli.model_lines import model_lines
    from airworthy.cli.model_names import ledger_names, spec_names

    environment = load_environment()
    names = sorted({*spec_names(environment), *ledger_names(environment)})
    states = [_state(environment, name) for name in names]
    if as_json:
        lines = [json.dumps(state.as_json()) for state in states]
    elif states:
        lines = model_lines(states)
    else:
        lines = [f"there is no model below {environment.models}: airworthy new-model NAME"]
    for line in lines:
        typer.echo(line)


def _state(environment: Environment, model: str) -> ModelState:
    """Return a model's state. A spec or a ledger with a fault is a fault of this model alone."""
    from airworthy.ledger import open_ledger
    from airworthy.release.release_rules import release_rules
    from airworthy.spec.loading import SPEC_FILE, load_spec
    from airworthy.versions.model_state import ModelState, model_state

    path = environment.models / model / SPEC_FILE
    task, required, faults = None, False, None
    try:
        if path.exists():
            spec = load_spec(path)
            task, rules = spec.task, release_rules(spec, environment)
            required = rules.approval == "required"
    except AirworthyError as error:
        faults = error.problem.splitlines()[0]
    try:
        entries = open_ledger(environment, model).entries()
        return model_state(model, entries, task=task, approval_required=required, faults=faults)
    except TerminalError as error:
        return ModelState(model=model, task=task, faults=faults or error.problem)


def retire(
    model: Model,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take it back: the same champion serves again.")
    ] = False,
    as_json: Json = False,
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
            line = f"{model}: version {move.event.to} serves again (entry {move.sequence})"
            print_lines(as_json, [move.stored], [line])
            return
        entry = retire_model(environment, model, reason.strip(), caller)
    line = (
        f"{model}: version {entry.event.from_version} serves no more (entry {entry.sequence})\n"
        f"next: turn its DAGs off, or delete {environment.models / model}; "
        f"airworthy retire {model} --undo brings it back"
    )
    print_lines(as_json, [entry.stored], [line])
