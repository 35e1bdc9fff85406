"""The commands for specs: ``check``, ``schema``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.exit_codes import FAILED
from airworthy.cli.json_output import Json, print_json, print_lines
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment


class NoSpecError(TerminalError):
    """There is no spec to check."""

    consequence = ""


@dataclass(frozen=True)
class _Checked:
    """A spec file: the model when it can be read, and what is wrong."""

    path: Path
    model: str | None
    faults: list[str]
    warnings: list[str] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)


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
    as_json: Json = False,
) -> None:
    """Print every fault of every model spec, and warn of what it lacks; exit 1 for a fault."""
    from airworthy.checks.check_spec import spec_files
    from airworthy.environment import load_environment

    folders = paths or [load_environment().models]
    specs = [spec for path in folders for spec in spec_files(path)]
    if not specs:
        locations = ", ".join(str(path) for path in folders)
        raise NoSpecError(
            f"there is no model spec in {locations}", next_step="airworthy new-model NAME"
        )
    counts = [_check_file(path, strict, as_json) for path in specs]
    faults, warnings = sum(each[0] for each in counts), sum(each[1] for each in counts)
    broken = sum(bool(each[0] or (strict and each[1])) for each in counts)
    if warnings and not as_json:
        typer.echo(_count(warnings, "warning"), err=True)
    if broken and not as_json:
        found = _count(faults + (warnings if strict else 0), "fault")
        typer.echo(f"{found} in {broken} of {_count(len(specs), 'spec')}", err=True)
    if broken:
        raise typer.Exit(FAILED)


def _check_file(path: Path, strict: bool, as_json: bool) -> tuple[int, int]:
    """Print the faults and the warnings of a spec; return their numbers."""
    from airworthy.checks.check_spec import check_spec
    from airworthy.checks.check_warnings import find_warnings

    result = check_spec(path)
    if result.spec is None or result.faults:
        checked = _Checked(path, None, [str(fault) for fault in result.faults])
    else:
        found = find_warnings(path, result.spec, _environment())
        checked = _Checked(
            path,
            result.spec.model,
            [str(fault) for fault in found.faults],
            [str(warning) for warning in found.warnings],
            [str(reason) for reason in found.unmeasured],
        )
    ok = not (checked.faults or (strict and checked.warnings))
    if as_json:
        print_json({"ok": ok, **asdict(checked)})
    else:
        _print_checked(checked, strict, ok)
    return len(checked.faults), len(checked.warnings)


def _print_checked(checked: _Checked, strict: bool, ok: bool) -> None:
    for fault in checked.faults:
        typer.secho(fault, fg=typer.colors.RED, err=True)
    for warning in checked.warnings:
        typer.secho(warning, fg=typer.colors.RED if strict else typer.colors.YELLOW, err=True)
    for reason in checked.unmeasured:
        typer.echo(f"{checked.path}: not measured: {reason}", err=True)
    if ok:
        typer.secho(f"{checked.model}: ok ({checked.path})", fg=typer.colors.GREEN)


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
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of model.yaml, which editors complete and check it with."""
    from airworthy.gates.verdict_schema import verdict_schema_text
    from airworthy.spec.spec_schema import schema_text, write_schema

    if verdict and write:
        raise typer.BadParameter("--write is for the schema of specs; --verdict prints")
    if write:
        file = write_schema()
        print_lines(as_json, [{"file": file}], [f"wrote {file}"])
        return
    text = verdict_schema_text() if verdict else schema_text()
    if as_json:
        print_json(json.loads(text))
    else:
        typer.echo(text, nl=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
