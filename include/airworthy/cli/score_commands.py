"""``airworthy score``: batch scoring with the champion, without Airflow."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, new_run_id, user_name
from airworthy.cli.date_options import end_of, end_of_data
from airworthy.cli.release_in_process import timed

if TYPE_CHECKING:
    from airworthy.handover import BatchScore


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("score")(score)


def score(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Exclusive end of the window, a UTC day. Default: today, or the data's end."
        ),
    ] = None,
) -> None:
    """Score the newest rows of MODEL with its champion, into the lake; what was scored before is left alone."""
    from airworthy.handover import BatchScore
    from airworthy.handover.catalogue import OPERATIONS
    from airworthy.stages import run_stage

    log_to_stderr()
    payload: dict[str, Any] = {"run": _request(model, as_of)}
    for name in ("ingest_inputs", "score"):
        payload[OPERATIONS[name].output] = timed(name, partial(run_stage, name, payload))
    _summarise(BatchScore.model_validate(payload["batch_score"]))


def _request(model: str, as_of: str | None) -> dict[str, Any]:
    from airworthy.batch_scoring.scoring_inputs import scoring_of
    from airworthy.environment import load_environment
    from airworthy.spec import load_spec

    spec, moment = load_spec(load_environment().models / model / "model.yaml"), end_of_data(as_of)
    # Before a stage runs, which would count as failing: none of a model that scores no batches would ever succeed.
    scoring_of(spec)
    if as_of is None and spec.end is not None:
        moment = min(moment, end_of(spec.end.isoformat()))
    return {
        "model": model,
        "as_of": moment.isoformat(),
        "reason": "manual",
        "run_id": new_run_id(),
        "requested_by": user_name(),
    }


def _summarise(found: BatchScore) -> None:
    outcomes = ", ".join(
        f"{count} {outcome}" for outcome, count in Counter(found.partitions.values()).items()
    )
    typer.echo(f"version: {found.version} (bundle {found.bundle_digest[:12]})")
    typer.echo(f"partitions {found.window}: {outcomes}")
    typer.echo(
        f"rows: {found.rows:,} scored, {found.rows_written:,} of them now; {found.quarantined:,} in quarantine"
    )
    typer.echo(f"table: {found.table} (version {found.table_version})")
