"""``airworthy backtest``: replays past days with and without retraining."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_warnings_to_stderr, open_manual_job
from airworthy.cli.completion import Model
from airworthy.cli.date_options import parse_day, parse_day_end
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.progress_bar import progress

if TYPE_CHECKING:
    from airworthy.backtest.backtest_results import Backtest
    from airworthy.job import Job


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("backtest")(backtest)


def backtest(
    model: Model,
    first: Annotated[
        str, typer.Option("--from", help="The first day, UTC: that of the first champion.")
    ],
    last: Annotated[
        str | None, typer.Option("--to", help="The last day, UTC. Default: the newest complete.")
    ] = None,
    step: Annotated[
        str, typer.Option(help="Months or days: how often the third arm is retrained.")
    ] = "1mo",
    metric: Annotated[
        str | None, typer.Option(help="The metric of the table. Default: the task's loss.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay past days of MODEL: never retrained, retrained on its monitor's trigger, every step.

    The spec's monitor checks the champion as of the first day; challengers pass the spec's gates.
    The backtest has its own lake and registers nothing.
    """
    from airworthy.backtest.backtest_table import backtest_table

    log_warnings_to_stderr()
    job = open_manual_job(model, datetime.now(UTC))
    result = _run(job, first, last, step, metric)
    table = backtest_table(result)
    job.evidence.write("backtest.json", result.model_dump_json(indent=1))
    job.evidence.write("backtest.md", f"{table}\n")
    if as_json:
        print_json({**result.model_dump(mode="json"), "evidence": str(job.evidence)})
    else:
        typer.echo(f"{table}\n\nevidence: {job.evidence}")


def _run(job: Job, first: str, last: str | None, step: str, metric: str | None) -> Backtest:
    from airworthy.backtest.run_backtest import run_backtest
    from airworthy.replay import newest_end

    start, end = parse_day(first), newest_end(job) if last is None else parse_day_end(last)
    with progress() as report:
        return run_backtest(job, start, end, step, report, metric)
