"""``airworthy gc``: removes old model files under the environment's retention."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from airworthy.cli.completion import complete_models
from airworthy.cli.json_output import Json, print_lines
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError


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
    """Remove old files of versions and trainings that no entry of the ledger needs.

    The environment's retention says from which age on; without it nothing is removed. What was ever
    champion, takes part in traffic, was approved, or is among the newest versions stays.
    """
    from airworthy.cli.model_names import ledger_names, require_known_model
    from airworthy.spec.fields import format_duration

    environment = load_environment()
    if environment.retention.artifacts is None:
        raise TerminalError(
            "this environment keeps all files",
            received="no retention.artifacts",
            allowed="an age, such as retention: {artifacts: 90d}",
            next_step=f"add it to the file of the environment {environment.name}",
        )
    if model is not None:
        require_known_model(environment, model)
    age = format_duration(environment.retention.artifacts)
    for name in [model] if model is not None else ledger_names(environment):
        _collect(environment, name, age, dry_run=dry_run, as_json=as_json)


def _collect(
    environment: Environment, model: str, age: str, *, dry_run: bool, as_json: bool
) -> None:
    from airworthy.cli.caller import new_run_id, user_name
    from airworthy.ledger import changed_entry_error, first_broken_entry, open_ledger
    from airworthy.ledger.events import ArtifactsRemoved
    from airworthy.registry.logged_models import model_files, remove_files
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.registry.registry import open_registry
    from airworthy.traffic import traffic_of
    from airworthy.versions.unneeded_files import unneeded_files

    ledger = open_ledger(environment, model)
    entries = ledger.entries()
    broken = first_broken_entry(entries)
    if broken is not None:  # What it needs is not known.
        raise changed_entry_error(f"{broken.sequence} ({broken.entry_id})", model)
    with mlflow_errors(environment):
        registry = open_registry(environment)
        files = model_files(registry, model)
        old = unneeded_files(files, entries, environment.retention, datetime.now(UTC))
        versions = [version for each in old for version in each.versions]
        if old and not dry_run:
            event = ArtifactsRemoved(
                versions=versions, logged_models=[each.model_id for each in old], retention=age
            )
            ledger.append(
                event,
                run_id=new_run_id(),
                who=user_name(),
                proved_by="operating system",
                decided=traffic_of(entries).decided,
            )
            for each in old:
                remove_files(registry, each)
    done = "would lose their files" if dry_run else "lost their files"
    line = f"{model}: {len(old)} of {len(files)} trainings, older than {age}, {done}"
    line += f": versions {', '.join(versions)}" if versions else ""
    removed = {
        "model": model,
        "dry_run": dry_run,
        "retention": age,
        "trainings": len(files),
        "logged_models": [each.model_id for each in old],
        "versions": versions,
    }
    print_lines(as_json, [removed], [line])
