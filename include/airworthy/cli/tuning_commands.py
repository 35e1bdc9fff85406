"""``airworthy tune-monitor``: proposes settings of a monitor that pay on past days."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_warnings_to_stderr, open_manual_job
from airworthy.cli.completion import Model
from airworthy.cli.date_options import parse_day, parse_day_end
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.progress_bar import progress

if TYPE_CHECKING:
    from airworthy.backtest.tuning_results import Tuning
    from airworthy.job import Job

_YEAR = timedelta(days=364)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("tune-monitor")(tune_monitor)


def tune_monitor(
    model: Model,
    first: Annotated[
        str | None,
        typer.Option("--from", help="The day of the first champion, UTC. Default: a year back."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The last day, UTC. Default: the newest complete.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric to improve. Default: the task's loss.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the proposed settings into the spec.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Propose window, persistence, margin and cooldown that pay on past days of MODEL.

    Candidates are backtested on the first two thirds of the days, and the best one on the last
    third. The output ends with the proposal as a diff of the spec. Nothing is registered.
    """
    from airworthy.backtest.tuning_table import tuning_text

    log_warnings_to_stderr()
    job = open_manual_job(model, datetime.now(UTC))
    result = _run(job, first, last, metric)
    job.evidence.write("tuning.json", result.model_dump_json(indent=1))
    job.evidence.write("tuning.md", f"{tuning_text(result)}\n")
    difference = _edit(job, result, write)
    if as_json:
        told = {"diff": difference, "written": write and bool(difference)}
        print_json({**result.model_dump(mode="json"), **told, "evidence": str(job.evidence)})
        return
    if sys.stdout.isatty():
        _show(result)
    else:
        typer.echo(tuning_text(result))
    if difference:
        _print_diff(job, difference, write)
    typer.echo(f"\nevidence: {job.evidence}")


def _run(job: Job, first: str | None, last: str | None, metric: str | None) -> Tuning:
    from airworthy.backtest.tune_monitor import tune_monitor as tune
    from airworthy.days import midnight
    from airworthy.replay import newest_end

    end = newest_end(job) if last is None else parse_day_end(last)
    earliest = midnight(job.spec.start) + job.spec.train.lookback
    start = parse_day(first) if first is not None else max(end - _YEAR, earliest)
    with progress() as report:
        return tune(job, start, end, report, metric)


def _edit(job: Job, result: Tuning, write: bool) -> str:
    """Return the diff of the spec, and write it when asked to."""
    from airworthy.spec.edit_spec import edit_spec

    if not result.values:
        return ""
    path = job.folder / "model.yaml"
    values = {tuple(key.split(".")): value for key, value in result.values.items()}
    return edit_spec(path, values, write=write)


def _print_diff(job: Job, difference: str, write: bool) -> None:
    path = job.folder / "model.yaml"
    typer.echo(f"\n{difference}")
    if write:
        typer.echo(f"\nwrote {path}")
    else:
        typer.echo(f"\nnext: airworthy tune-monitor {job.spec.model} --write, or edit {path}")


def _show(result: Tuning) -> None:
    from rich.console import Console

    from airworthy.backtest.tuning_table import (
        arm_rows,
        candidate_rows,
        metric_rows,
        tuning_title,
        tuning_words,
    )

    console = Console()
    console.print(tuning_title(result), markup=False)
    for rows in (arm_rows(result), candidate_rows(result), metric_rows(result)):
        console.print(_table(rows))
    console.print(tuning_words(result), markup=False)


def _table(rows: Sequence[Sequence[str]]) -> object:
    from rich.table import Table

    head, *body = rows
    table = Table(*head)
    for row in body:
        table.add_row(*row)
    return table
