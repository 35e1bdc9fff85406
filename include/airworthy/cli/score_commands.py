"""``airworthy score``: batch scoring with the champion, without Airflow."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.caller import log_to_stderr, manual_request
from airworthy.cli.completion import Model
from airworthy.cli.date_options import parse_as_of, parse_day_end
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.release_in_process import run_timed

if TYPE_CHECKING:
    from airworthy.handover import BatchScore


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("score")(score)


def score(
    model: Model,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Exclusive end of the window, a UTC day. Default: today, or the data's end."
        ),
    ] = None,
    refresh: Annotated[
        str | None,
        typer.Option(help="Days to read again from the source: FROM..TO, as in airworthy run."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score the newest rows of MODEL with its champion into the lake. Current scores stay."""
    from airworthy.handover import BatchScore
    from airworthy.handover.catalogue import OPERATIONS
    from airworthy.stages import run_stage

    log_to_stderr()
    payload: dict[str, Any] = {"run": {**_request(model, as_of), "refresh": refresh}}
    for name in ("ingest_inputs", "score"):
        payload[OPERATIONS[name].output] = run_timed(name, partial(run_stage, name, payload))
    if as_json:
        print_json(payload["batch_score"])
    else:
        _summarise(BatchScore.model_validate(payload["batch_score"]))


def _request(model: str, as_of: str | None) -> dict[str, Any]:
    from airworthy.batch_scoring.scoring_inputs import score_part_of
    from airworthy.cli.model_names import require_known_model
    from airworthy.environment import load_environment
    from airworthy.spec import load_spec

    environment = load_environment()
    require_known_model(environment, model)
    spec, moment = load_spec(environment.models / model / "model.yaml"), parse_as_of(as_of)
    # Fails here: the metrics would count a failed stage of a model that never scores batches.
    score_part_of(spec)
    if as_of is None and spec.end is not None:
        moment = min(moment, parse_day_end(spec.end.isoformat()))
    return manual_request(model, moment.isoformat())


def _summarise(result: BatchScore) -> None:
    outcomes = ", ".join(
        f"{count} {outcome}" for outcome, count in Counter(result.partitions.values()).items()
    )
    typer.echo(f"version: {result.version} (bundle {result.bundle_digest[:12]})")
    typer.echo(f"partitions {result.window}: {outcomes}")
    typer.echo(
        f"rows: {result.rows:,} scored, {result.rows_written:,} of them now; "
        f"{result.quarantined:,} in quarantine"
    )
    typer.echo(f"table: {result.table} (version {result.table_version})")
