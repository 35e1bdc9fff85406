"""``airworthy monitor`` and ``monitor-quality``: watching a model, and trying out how well that is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, new_run_id, user_name
from airworthy.cli.date_options import demand_past
from airworthy.days import floor_day

if TYPE_CHECKING:
    from airworthy.handover import DriftDecision
    from airworthy.job import Job


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("monitor")(monitor)
    app.command("monitor-quality")(monitor_quality)


def monitor(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    as_of: Annotated[str | None, typer.Option(help="A day or time, UTC. Default: now.")] = None,
    ingest: Annotated[bool, typer.Option(help="First bring the lake up to that day.")] = True,
) -> None:
    """Look at the newest complete window of MODEL's production and decide whether to train it again."""
    from airworthy.monitoring.decision_table import decision_table

    log_to_stderr()
    job = _job(model, as_of)
    _gather(job, ingest)
    decision = _decide(job)
    typer.echo(decision_table(decision))
    typer.echo(f"evidence: {decision.evidence}")
    if decision.trigger:
        typer.echo(f"next: airworthy run {model} --as-of {decision.train_as_of:%Y-%m-%d}")


def monitor_quality(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    champions: Annotated[
        int, typer.Option(min=1, help="Champions, trained at different times.")
    ] = 18,
    windows: Annotated[int, typer.Option(min=3, help="Windows that each is watched over.")] = 28,
    as_of: Annotated[
        str | None, typer.Option(help="The end of the data, a UTC day. Default: today.")
    ] = None,
) -> None:
    """Try MODEL's monitor out: how often it fires when nothing happened, how soon it notices a change.

    A simulated source gives another world for every champion. Of any other source the real days are taken: what
    fires there without a change put in may be real.
    """
    from airworthy.monitoring.simulation.monitor_quality import simulate_monitor
    from airworthy.monitoring.simulation.quality_table import quality_table

    log_to_stderr()
    job = _job(model, as_of)
    quality = simulate_monitor(job, champions, windows, lambda told: typer.echo(told, err=True))
    typer.echo(quality_table(quality))


def _job(model: str, as_of: str | None) -> Job:
    from airworthy.handover import RunRequest
    from airworthy.job import open_job
    from airworthy.ledger.ledger_queries import parse_moment

    moment = demand_past(parse_moment(as_of)) if as_of is not None else datetime.now(UTC)
    return open_job(
        RunRequest(
            model=model,
            as_of=moment,
            reason="manual",
            run_id=new_run_id(),
            requested_by=user_name(),
        )
    )


def _decide(job: Job) -> DriftDecision:
    from airworthy.handover import DriftDecision
    from airworthy.handover.catalogue import OPERATIONS
    from airworthy.stages import run_stage

    payload: dict[str, Any] = {"run": job.run.model_dump(mode="json")}
    for name in ("check_data", "check_skew", "check_drift", "check_performance", "decide"):
        payload[OPERATIONS[name].output] = run_stage(name, payload)
    return DriftDecision.model_validate(payload["decision"])


def _gather(job: Job, ingest: bool) -> None:
    """Bring what was predicted, and the days that are complete, into the lake."""
    from airworthy.predictions.collect import collect
    from airworthy.stages import run_stage

    collect(job.environment, job.spec.model)
    if ingest:
        midnight = floor_day(job.run.as_of)
        if job.spec.end is not None:
            last = datetime(
                job.spec.end.year, job.spec.end.month, job.spec.end.day, tzinfo=UTC
            ) + timedelta(days=1)
            midnight = min(midnight, last)
        run_stage(
            "ingest",
            {"run": job.run.model_copy(update={"as_of": midnight}).model_dump(mode="json")},
        )
