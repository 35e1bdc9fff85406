"""``airworthy collect``: brings the prediction log from the model server's spool into the lake."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_to_stderr
from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_lines
from airworthy.cli.model_names import require_known_model
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment
    from airworthy.predictions.collect import Collector

log = logging.getLogger("airworthy.collect")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("collect")(collect)


def collect(
    model: Annotated[
        str | None, typer.Argument(help="The model's name.", autocompletion=complete_models)
    ] = None,
    every_model: Annotated[
        bool, typer.Option("--all", help="Every model that this machine's spool knows.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="Go on, again and again, until stopped."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the predictions and labels that the model server logged into the lake.

    It may be stopped at any time: no row is lost, and no row is stored twice. With --every, SIGTERM
    has it look a last time: a server that ended before it leaves nothing behind.
    """
    if (model is None) != every_model:
        raise TerminalError(
            "collect takes one model, or --all",
            received="both" if every_model else "neither",
            allowed="airworthy collect MODEL, airworthy collect --all",
            next_step="airworthy collect --help",
        )
    log_to_stderr()
    # The model server needs the cores more. Polars reads this variable at its import.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from airworthy.predictions.collect import Collector
    from airworthy.predictions.spool import spooled_models

    environment = load_environment()
    if model is not None and model not in spooled_models(environment):
        require_known_model(environment, model)
    collector = Collector(environment)
    stopped = _stopped_by_sigterm() if every is not None else None
    errors = _collect_once(environment, collector, model, as_json)
    while stopped is not None and every is not None:
        is_last = stopped.wait(every)
        errors = _collect_once(environment, collector, model, as_json)
        if is_last:
            break
    if errors:
        raise errors[0]


def _stopped_by_sigterm() -> threading.Event:
    """Return an event that SIGTERM sets. The process then ends by itself."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    return stopped


def _collect_once(
    environment: Environment, collector: Collector, model: str | None, as_json: bool
) -> list[AirworthyError]:
    """Collect once and print the counts. Returns the errors: one model's error stops no other."""
    from airworthy.predictions.spool import spooled_models

    errors = []
    for name in [model] if model is not None else spooled_models(environment):
        try:
            counts = collector.collect(name)
        except AirworthyError as error:
            log.error("%s", error)
            errors.append(error)
            continue
        if counts.predictions or counts.labels:
            line = f"{name}: {counts.predictions} predictions, {counts.labels} labels"
            collected = {"predictions": counts.predictions, "labels": counts.labels}
            print_lines(as_json, [{"model": name, **collected}], [line])
    return errors
