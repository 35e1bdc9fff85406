"""The commands for specs: ``check``, ``schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from airworthy.environment import Environment


def register(app: typer.Typer) -> None:
    """Add the commands to the console command."""
    app.command()(check)
    app.command()(schema)


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Model folders, spec files, or folders of them. Default: every model of the "
            "project."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count each warning as a fault.")
    ] = False,
) -> None:
    """Print every fault of every model spec, and warn of what it lacks; exit 1 for a fault."""
    from airworthy.checks.check_spec import spec_files
    from airworthy.environment import load_environment

    folders = paths or [load_environment().models]
    specs = [spec for path in folders for spec in spec_files(path)]
    if not specs:
        locations = ", ".join(str(path) for path in folders)
        typer.echo(
            f"there is no model spec in {locations}\n  next:     airworthy new-model NAME", err=True
        )
        raise typer.Exit(1)
    counts = [_check_file(path, strict) for path in specs]
    faults, warnings = sum(each[0] for each in counts), sum(each[1] for each in counts)
    broken = sum(bool(each[0] or (strict and each[1])) for each in counts)
    if warnings:
        typer.echo(_count(warnings, "warning"), err=True)
    if broken:
        found = _count(faults + (warnings if strict else 0), "fault")
        typer.echo(f"{found} in {broken} of {_count(len(specs), 'spec')}", err=True)
        raise typer.Exit(1)


def _check_file(path: Path, strict: bool) -> tuple[int, int]:
    """Print the faults and the warnings of a spec; return their numbers."""
    from airworthy.checks.check_spec import check_spec
    from airworthy.checks.check_warnings import find_warnings

    result = check_spec(path)
    for fault in result.faults:
        typer.secho(str(fault), fg=typer.colors.RED, err=True)
    if result.spec is None or result.faults:
        return len(result.faults), 0
    found = find_warnings(path, result.spec, _environment())
    for fault in found.faults:
        typer.secho(str(fault), fg=typer.colors.RED, err=True)
    for warning in found.warnings:
        typer.secho(str(warning), fg=typer.colors.RED if strict else typer.colors.YELLOW, err=True)
    for reason in found.unmeasured:
        typer.echo(f"{path}: not measured: {reason}", err=True)
    if not (found.faults or (strict and found.warnings)):
        typer.secho(f"{result.spec.model}: ok ({path})", fg=typer.colors.GREEN)
    return len(found.faults), len(found.warnings)


def _environment() -> Environment | None:
    """Return the environment; None without a usable one: a spec can be checked anywhere."""
    from airworthy.environment import load_environment
    from airworthy.errors import TerminalError

    try:
        return load_environment()
    except TerminalError:
        return None


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
