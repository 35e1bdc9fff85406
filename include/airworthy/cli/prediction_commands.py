"""``airworthy collect``: the prediction log, from the model server's spool into the lake."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_to_stderr
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment

log = logging.getLogger("airworthy.collect")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("collect")(collect)


def collect(
    model: Annotated[str | None, typer.Argument(help="The model's name.")] = None,
    every_model: Annotated[
        bool, typer.Option("--all", help="Every model that this machine's spool knows.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="Go on, again and again, until stopped."),
    ] = None,
) -> None:
    """Bring what the model server logged into the lake.

    It may be stopped at any time: nothing is lost, and nothing is there twice.
    """
    if (model is None) != every_model:
        raise TerminalError(
            "collect takes one model, or --all",
            received="both" if every_model else "neither",
            allowed="airworthy collect MODEL, airworthy collect --all",
            next_step="airworthy collect --help",
        )
    log_to_stderr()
    # The model server's requests need the cores more. Polars reads this when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    environment = load_environment()
    while True:
        failed = _round(environment, model)
        if every is None:
            break
        time.sleep(every)
    if failed:
        raise failed[0]


def _round(environment: Environment, model: str | None) -> list[AirworthyError]:
    """Collect once, say what came, and return what failed: one model's failure stops no other's collection."""
    from airworthy.predictions.collect import collect as collect_model
    from airworthy.predictions.spool import spooled_models

    failed = []
    for name in [model] if model is not None else spooled_models(environment):
        try:
            done = collect_model(environment, name)
        except AirworthyError as error:
            log.error("%s", error)
            failed.append(error)
            continue
        if done.predictions or done.labels:
            typer.echo(f"{name}: {done.predictions} predictions, {done.labels} labels")
    return failed
