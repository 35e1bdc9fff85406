"""``airworthy backtest``: what retraining would have brought, walked over past days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_problems_to_stderr, new_run_id, user_name
from airworthy.cli.date_options import begin_of, end_of
from airworthy.cli.progress import progress

if TYPE_CHECKING:
    from airworthy.backtest.run_backtest import Backtest
    from airworthy.job import Job


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("backtest")(backtest)


def backtest(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    first: Annotated[
        str, typer.Option("--from", help="The first day, UTC: that of the first champion.")
    ],
    last: Annotated[
        str | None, typer.Option("--to", help="The last day, UTC. Default: the newest complete.")
    ] = None,
    step: Annotated[
        str, typer.Option(help="Months or days: how often the third arm is retrained.")
    ] = "1mo",
) -> None:
    """Walk over past days of MODEL: never retrained, retrained when its monitor asks for it, and at every step.

    The champion as of the first day is watched as the spec's monitor says; challengers go through the spec's gates.
    Everything happens in a lake of its own: nothing is registered.
    """
    from airworthy.backtest.backtest_table import backtest_table

    log_problems_to_stderr()
    job = _job(model)
    found = _walk(job, first, last, step)
    table = backtest_table(found)
    job.evidence.mkdir(parents=True, exist_ok=True)
    (job.evidence / "backtest.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    (job.evidence / "backtest.md").write_text(table + "\n", encoding="utf-8")
    typer.echo(table)
    typer.echo(f"\nevidence: {job.evidence}")


def _walk(job: Job, first: str, last: str | None, step: str) -> Backtest:
    from airworthy.backtest.run_backtest import run_backtest
    from airworthy.replay import newest_end

    start, end = begin_of(first), newest_end(job) if last is None else end_of(last)
    with progress() as tell:
        return run_backtest(job, start, end, step, tell)


def _job(model: str) -> Job:
    from airworthy.handover import RunRequest
    from airworthy.job import open_job

    now = datetime.now(UTC)
    return open_job(
        RunRequest(
            model=model, as_of=now, reason="manual", run_id=new_run_id(), requested_by=user_name()
        )
    )
