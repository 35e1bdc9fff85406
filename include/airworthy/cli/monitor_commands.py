"""``airworthy monitor`` and ``monitor-quality``: monitors a model, and tests its monitor."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, open_manual_job
from airworthy.cli.completion import Model
from airworthy.cli.date_options import require_not_future
from airworthy.cli.json_output import Json, print_json
from airworthy.days import DAY, floor_day, midnight

if TYPE_CHECKING:
    from airworthy.handover import DriftDecision
    from airworthy.job import Job


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("monitor")(monitor)
    app.command("monitor-quality")(monitor_quality)


def monitor(
    model: Model,
    as_of: Annotated[str | None, typer.Option(help="A day or time, UTC. Default: now.")] = None,
    ingest: Annotated[bool, typer.Option(help="First bring the lake up to that day.")] = True,
    as_json: Json = False,
) -> None:
    """Check the newest complete live window of MODEL and decide whether to train it again."""
    from airworthy.monitoring.decision_table import decision_table

    log_to_stderr()
    job = _open_job(model, as_of)
    _bring_in(job, ingest)
    decision = _decide(job)
    if as_json:
        print_json(decision)
        return
    typer.echo(decision_table(decision))
    typer.echo(f"evidence: {decision.evidence}")
    if decision.trigger:
        typer.echo(f"next: airworthy run {model} --as-of {decision.train_as_of:%Y-%m-%d}")


def monitor_quality(
    model: Model,
    champions: Annotated[
        int, typer.Option(min=1, help="Champions, trained at different times.")
    ] = 18,
    windows: Annotated[int, typer.Option(min=3, help="Windows for each champion.")] = 28,
    as_of: Annotated[
        str | None, typer.Option(help="The end of the data, a UTC day. Default: today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate MODEL's monitor: its false alarms without a change, and its delay after a change.

    A simulated source gives every champion a world of its own. Any other source gives its real
    days: an alarm there without a simulated change may be real.
    """
    from airworthy.monitoring.simulation.monitor_quality import simulate_monitor
    from airworthy.monitoring.simulation.monitor_quality_table import monitor_quality_table

    log_to_stderr()
    job = _open_job(model, as_of)
    quality = simulate_monitor(
        job, champions, windows, lambda _done, _total, text: typer.echo(text, err=True)
    )
    if as_json:
        print_json({"model": model, "false_alarms": quality.false_alarms, **asdict(quality)})
    else:
        typer.echo(monitor_quality_table(quality))


def _open_job(model: str, as_of: str | None) -> Job:
    from airworthy.ledger.ledger_queries import parse_moment

    moment = require_not_future(parse_moment(as_of)) if as_of is not None else datetime.now(UTC)
    return open_manual_job(model, moment)


def _decide(job: Job) -> DriftDecision:
    from airworthy.handover import DriftDecision
    from airworthy.handover.catalogue import OPERATIONS
    from airworthy.stages import run_stage

    payload: dict[str, Any] = {"run": job.run.model_dump(mode="json")}
    for name in ("check_data", "check_skew", "check_drift", "check_performance", "decide"):
        payload[OPERATIONS[name].output] = run_stage(name, payload)
    return DriftDecision.model_validate(payload["decision"])


def _bring_in(job: Job, ingest: bool) -> None:
    """Bring the logged predictions into the lake and, with `ingest`, the complete days."""
    from airworthy.predictions.collect import collect
    from airworthy.stages import run_stage

    collect(job.environment, job.spec.model)
    if ingest:
        as_of = floor_day(job.run.as_of)
        if job.spec.end is not None:
            as_of = min(as_of, midnight(job.spec.end) + DAY)
        run = job.run.model_copy(update={"as_of": as_of})
        run_stage("ingest", {"run": run.model_dump(mode="json")})
