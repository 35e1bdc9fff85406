"""``airworthy status`` and ``next``: the state of models, and what waits for a person."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from airworthy.environment import load_environment


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("status")(status)
    app.command("next")(next_things)


def status(
    model: Annotated[str | None, typer.Argument(help="One model; default: all of them.")] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="JSON: one object a line; of one model, its whole history."),
    ] = False,
) -> None:
    """Print what serves, how well, and what waits: of all models, or more of MODEL.

    Example: airworthy status bike_demand
    """
    lines = _all_models(as_json) if model is None else _one_model(model, as_json)
    for line in lines:
        typer.echo(line)


def next_things(
    as_json: Annotated[bool, typer.Option("--json", help="JSON: one object a line.")] = False,
) -> None:
    """Print what waits for a person, the longest first: model, what, since when, and the command.

    Example: airworthy next --json
    """
    from airworthy.cli.status_lines import waiting_lines
    from airworthy.model_status.summaries import model_summaries
    from airworthy.model_status.waiting import waiting_things

    waiting = waiting_things(model_summaries(load_environment()))
    if as_json:
        lines = [json.dumps(each.as_json()) for each in waiting]
    else:
        lines = waiting_lines(waiting) or ["nothing waits for a person"]
    for line in lines:
        typer.echo(line)


def _all_models(as_json: bool) -> list[str]:
    from airworthy.cli.status_lines import signs_of, status_lines
    from airworthy.model_status.summaries import model_summaries

    environment = load_environment()
    summaries = model_summaries(environment)
    if as_json:
        return [json.dumps(each.as_json()) for each in summaries]
    if not summaries:
        return [f"there is no model below {environment.models}: airworthy new-model NAME"]
    return status_lines(summaries, signs_of(sys.stdout.encoding))


def _one_model(model: str, as_json: bool) -> list[str]:
    from airworthy.cli.model_names import require_known_model
    from airworthy.cli.model_picture import model_picture
    from airworthy.cli.status_lines import signs_of
    from airworthy.model_status.history import model_history

    environment = load_environment()
    require_known_model(environment, model)
    history = model_history(environment, model)
    if as_json:
        return [json.dumps(history.as_json())]
    return model_picture(history, signs_of(sys.stdout.encoding))
