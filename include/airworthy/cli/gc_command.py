"""``airworthy gc``: removes old files and records under the environment's retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_lines
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.ledger import Entry
    from airworthy.ledger.events import LedgerEvent
    from airworthy.ledger.ledger import Ledger
    from airworthy.versions.removal import Removal


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("gc")(gc)


def gc(
    model: Annotated[
        str | None,
        typer.Argument(
            help="The model's name. Default: each model.", autocompletion=complete_models
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove old files of versions and trainings, old evidence, and old logged predictions.

    The environment's retention says from which age on; without an age nothing of its kind is
    removed. What an entry of the ledger needs stays: the files of champions, of versions that take
    part in traffic or were approved, and the evidence of their runs. The ledger gets what was
    removed.
    """
    from airworthy.cli.model_names import ledger_names, require_known_model

    environment = load_environment()
    retention = environment.retention
    if not (retention.artifacts or retention.evidence or retention.predictions):
        raise TerminalError(
            "this environment keeps all files",
            received="no age in its retention",
            allowed="ages, such as retention: {artifacts: 90d, evidence: 365d, predictions: 180d}",
            next_step=f"add them to the file of the environment {environment.name}",
        )
    if model is not None:
        require_known_model(environment, model)
    for name in [model] if model is not None else ledger_names(environment):
        _collect(environment, name, dry_run=dry_run, as_json=as_json)


def _collect(environment: Environment, model: str, *, dry_run: bool, as_json: bool) -> None:
    """Remove what one model loses, and print it."""
    from airworthy.ledger import changed_entry_error, first_broken_entry, open_ledger
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.registry.registry import open_registry
    from airworthy.versions.removal import carry_out, events_of, plan_removal

    ledger, now = open_ledger(environment, model), datetime.now(UTC)
    entries = ledger.entries()
    broken = first_broken_entry(entries)
    if broken is not None:  # What it needs is not known.
        raise changed_entry_error(f"{broken.sequence} ({broken.entry_id})", model)
    with mlflow_errors(environment):
        registry = open_registry(environment)
        removal = plan_removal(environment, registry, model, entries, now)
        if not dry_run:
            _record(ledger, entries, events_of(removal, environment))
            carry_out(removal, environment, registry, model, now)
    values = _values(model, removal, dry_run=dry_run)
    print_lines(as_json, [values], [_words(model, removal, dry_run=dry_run)])


def _record(ledger: Ledger, entries: Sequence[Entry], events: Sequence[LedgerEvent]) -> None:
    from airworthy.cli.caller import new_run_id, user_name
    from airworthy.traffic import traffic_of

    run_id, decided = new_run_id(), traffic_of(entries).decided
    for event in events:
        ledger.append(
            event, run_id=run_id, who=user_name(), proved_by="operating system", decided=decided
        )


def _values(model: str, removal: Removal, *, dry_run: bool) -> dict[str, Any]:
    return {
        "model": model,
        "dry_run": dry_run,
        "trainings": len(removal.files) + len(removal.kept),
        "logged_models": [each.model_id for each in removal.files],
        "versions": removal.versions,
        "evidence": list(removal.evidence),
        "mlflow_runs": list(removal.runs),
        "predictions_before": None if removal.first_day is None else str(removal.first_day),
    }


def _words(model: str, removal: Removal, *, dry_run: bool) -> str:
    trainings = len(removal.files) + len(removal.kept)
    done = "would be removed" if dry_run else "are removed"
    parts = [f"files of {len(removal.files)} of {trainings} trainings"]
    if removal.versions:
        parts[0] += f" (versions {', '.join(removal.versions)})"
    parts.append(f"evidence of {len(removal.evidence)} runs")
    parts.append(f"files of {len(removal.runs)} MLflow runs")
    if removal.first_day is not None:
        parts.append(f"predictions before {removal.first_day}")
    return f"{model}: {', '.join(parts)} {done}"
