"""``airworthy staleness``: measures a model's loss by its age, and sets the age alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_warnings_to_stderr, open_manual_job
from airworthy.cli.completion import Model
from airworthy.cli.date_options import parse_as_of
from airworthy.cli.json_output import Json, json_values, print_json
from airworthy.cli.progress_bar import progress
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.job import Job
    from airworthy.staleness.curve import StalenessCurve


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("staleness")(staleness)


def staleness(
    model: Model,
    as_of: Annotated[
        str | None, typer.Option(help="The end of the data, a UTC day. Default: the newest.")
    ] = None,
    ages: Annotated[
        str, typer.Option(help="How old, against a model of the day.")
    ] = "0d,7d,30d,90d",
    windows: Annotated[
        int, typer.Option(min=1, max=100, help="Holdouts, spread over the past.")
    ] = 3,
    write: Annotated[
        bool, typer.Option(help="Set alerts.champion_max_age in the model's spec.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure MODEL's loss by its age, and the age that is worth an alert.

    Trains challengers as of past days, in a separate lake; registers nothing. An age is allowed
    when its loss against a new challenger is surely within the spec's
    monitor.performance.max_loss.
    """
    from airworthy.staleness.curve import curve_table
    from airworthy.staleness.curve_evidence import record_curve, save_curve

    log_warnings_to_stderr()
    job = open_manual_job(model, parse_as_of(as_of))
    curve = _measure(job, ages, windows)
    save_curve(job, curve)
    if not as_json:
        typer.echo(f"{curve_table(curve)}\nevidence: {job.evidence}")
    written = False
    try:
        written = write and _write(job, curve, as_json)
    finally:
        record_curve(job, curve, written)
    if as_json:
        print_json({**json_values(curve), "written": written, "evidence": str(job.evidence)})
    elif not write and curve.limit.age is not None:
        typer.echo(f"put into {job.folder / 'model.yaml'}, or run again with --write:")
        typer.echo(f"alerts:\n  champion_max_age: {curve.limit.age}d")


def _measure(job: Job, ages: str, windows: int) -> StalenessCurve:
    from airworthy.ledger import open_ledger
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.registry.registry import open_registry
    from airworthy.replay import newest_end
    from airworthy.staleness.age_comparison import RegisteredModels, StalenessPlan
    from airworthy.staleness.curve import parse_ages
    from airworthy.staleness.measure_staleness import measure_staleness

    days = parse_ages(ages)
    with mlflow_errors(job.environment), progress() as report:
        entries = open_ledger(job.environment, job.spec.model).entries()
        registered = RegisteredModels(open_registry(job.environment), job.spec.model, entries)
        plan = StalenessPlan(newest_end(job), windows, days)
        return measure_staleness(job, registered, plan, report)


def _write(job: Job, curve: StalenessCurve, as_json: bool) -> bool:
    """Set the alert in the model's spec and print the change.

    Raises:
        TerminalError: when the curve allows no age.
    """
    from airworthy.spec.edit_spec import set_in_part

    if curve.limit.age is None:
        raise TerminalError(
            "there is no age to set the alert to",
            model=curve.model,
            received=curve.limit.told,
            allowed="an age whose loss is surely within monitor.performance.max_loss",
            next_step=f"airworthy staleness {curve.model} --ages 0d,1d,3d --windows 8",
        )
    path = job.folder / "model.yaml"
    changed = set_in_part(path, "alerts", "champion_max_age", f"{curve.limit.age}d")
    verb = "is now" if changed else "was already"
    typer.echo(f"{path}: alerts.champion_max_age {verb} {curve.limit.age}d", err=as_json)
    return True
