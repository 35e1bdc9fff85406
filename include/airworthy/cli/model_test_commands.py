"""``airworthy test``: runs the tests that belong to one model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from airworthy.cli.completion import Model
from airworthy.cli.exit_codes import FAILED
from airworthy.cli.json_output import Json, print_json
from airworthy.errors import TerminalError


class NoModelError(TerminalError):
    """There is no such model; no test ran."""

    consequence = ""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("test")(run_tests)


def run_tests(
    model: Model,
    deliver: Annotated[
        bool,
        typer.Option(help="Also train, release and serve it on a sample, in a folder thrown away."),
    ] = True,
    as_json: Json = False,
) -> None:
    """Run what belongs to MODEL: check --strict, features, KPI, a delivery, behaviour.py.

    Exits 1 when a part failed.
    """
    from airworthy.environment import load_environment
    from airworthy.model_tests.run_model_tests import run_model_tests
    from airworthy.spec.loading import SPEC_FILE

    environment = load_environment()
    folder = environment.models / model
    if not (folder / SPEC_FILE).is_file():
        names = sorted(path.parent.name for path in environment.models.glob(f"*/{SPEC_FILE}"))
        raise NoModelError(
            "there is no such model",
            received=model,
            allowed=", ".join(names) or "no model in this project",
            next_step="airworthy new-model NAME",
        )
    failed = []
    for result in run_model_tests(folder, environment, deliver):
        colour = {"pass": typer.colors.GREEN, "fail": typer.colors.RED}.get(result.outcome)
        if as_json:
            print_json({"model": model, **asdict(result)})
        else:
            typer.secho(str(result), fg=colour)
        if result.outcome == "fail":
            failed.append(result.part)
    if failed:
        typer.echo(f"{model}: FAIL: {', '.join(failed)}", err=True)
        raise typer.Exit(FAILED)
    if not as_json:
        typer.secho(f"{model}: pass", fg=typer.colors.GREEN)
