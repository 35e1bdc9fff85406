"""The commands for specs: ``check``, ``schema``, ``new-model``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class TaskChoice(StrEnum):
    """The task of a new model: a number, a yes or no, or one of several classes."""

    regression = "regression"
    binary = "binary"
    multiclass = "multiclass"


class SourceChoice(StrEnum):
    """The source of a new model's rows."""

    simulator = "simulator"
    files = "files"
    sql = "sql"


def register(app: typer.Typer) -> None:
    """Add the commands to the console command."""
    app.command()(check)
    app.command()(schema)
    app.command("new-model")(new_model)


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Model folders, spec files, or folders of them. Default: every model of the "
            "project."
        ),
    ] = None,
) -> None:
    """Print every fault of every model spec; exit 1 when there is one."""
    from airworthy.checks.check_spec import check_spec, spec_files
    from airworthy.environment import load_environment

    folders = paths or [load_environment().models]
    specs = [spec for path in folders for spec in spec_files(path)]
    if not specs:
        locations = ", ".join(str(path) for path in folders)
        typer.echo(
            f"there is no model spec in {locations}\n  next:     airworthy new-model NAME", err=True
        )
        raise typer.Exit(1)
    broken_specs, fault_count = 0, 0
    for path in specs:
        result = check_spec(path)
        for fault in result.faults:
            typer.secho(str(fault), fg=typer.colors.RED, err=True)
        if result.spec is not None and not result.faults:
            typer.secho(f"{result.spec.model}: ok ({path})", fg=typer.colors.GREEN)
        broken_specs += bool(result.faults)
        fault_count += len(result.faults)
    if fault_count:
        typer.echo(
            f"{_count(fault_count, 'fault')} in {broken_specs} of {_count(len(specs), 'spec')}",
            err=True,
        )
        raise typer.Exit(1)


def schema(
    write: Annotated[
        bool, typer.Option("--write", help="Write the schema file that specs refer to.")
    ] = False,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="The schema of verdict.json instead, printed.")
    ] = False,
) -> None:
    """Print the JSON Schema of model.yaml, which editors complete and check it with."""
    from airworthy.gates.verdict_schema import verdict_schema_text
    from airworthy.spec.spec_schema import schema_text, write_schema

    if verdict and write:
        raise typer.BadParameter("--write is for the schema of specs; --verdict prints")
    if verdict:
        typer.echo(verdict_schema_text(), nl=False)
    elif write:
        typer.echo(f"wrote {write_schema()}")
    else:
        typer.echo(schema_text(), nl=False)


def new_model(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and _.")],
    task: Annotated[TaskChoice, typer.Option(help="What it predicts.")] = TaskChoice.regression,
    source: Annotated[
        SourceChoice, typer.Option(help="Where its rows come from.")
    ] = SourceChoice.simulator,
) -> None:
    """Make a working model folder. Without a project, the current folder becomes one."""
    from airworthy.environment import load_environment
    from airworthy.project import find_project
    from airworthy.spec.scaffold import scaffold

    environment = load_environment(find_project() or Path.cwd())
    folder = scaffold(environment.models, name, task.value, source.value)
    typer.echo(f"made {folder}: model.yaml, features.py")
    typer.echo("next:")
    if source is not SourceChoice.simulator:
        typer.echo(f"  edit {folder / 'model.yaml'}: the lines marked with `<-`")
    typer.echo("  airworthy check")
    typer.echo(
        f"  airworthy run {name} --as-of DATE    # every stage in this process, without Airflow"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
