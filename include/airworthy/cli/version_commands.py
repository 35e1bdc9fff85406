"""``airworthy show`` and ``diff``: one version, and the difference between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.completion import complete_references
from airworthy.cli.json_output import Json, print_json
from airworthy.cli.model_names import require_known_model
from airworthy.environment import load_environment
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.environment import Environment
    from airworthy.versions.version_record import VersionRecord


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("show")(show)
    app.command("diff")(diff)


def show(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL/VERSION",
            autocompletion=complete_references,
            help="Such as delivery_eta/7.",
        ),
    ],
    spec: Annotated[bool, typer.Option("--spec", help="Its model.yaml, byte by byte.")] = False,
    features: Annotated[bool, typer.Option("--features", help="Its features.py.")] = False,
    behaviour: Annotated[bool, typer.Option("--behaviour", help="Its behaviour.py.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="The diff of a dirty tree from its commit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print a version and what made it: commit, data, parameters, metrics, verdict, who, when.

    An option prints one of the files that made it, also when the model's folder has changed since.
    """
    from airworthy.registry.version_source import (
        BEHAVIOUR_FILE,
        DIFF_FILE,
        FEATURES_FILE,
        SPEC_FILE,
    )
    from airworthy.versions.version_lines import record_lines

    options = {
        SPEC_FILE: spec,
        FEATURES_FILE: features,
        BEHAVIOUR_FILE: behaviour,
        DIFF_FILE: diff,
    }
    asked = [name for name, is_asked in options.items() if is_asked]
    if len(asked) > 1:
        raise typer.BadParameter("one file at a time")
    environment = load_environment()
    record = _read(environment, words)
    if asked:
        _print_file(record, asked[0], _kept_file(environment, record, asked[0]), as_json)
    elif as_json:
        print_json(record.as_json())
    else:
        typer.echo("\n".join(record_lines(record)))


def diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="MODEL/VERSION", autocompletion=complete_references, help="The first version."
        ),
    ],
    after: Annotated[
        str,
        typer.Argument(
            metavar="MODEL/VERSION", autocompletion=complete_references, help="The second version."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Print what changed between two versions: data, parameters, metrics, code."""
    from airworthy.versions.version_diff import compare_versions
    from airworthy.versions.version_lines import diff_lines

    environment = load_environment()
    records = [_read(environment, [reference]) for reference in (before, after)]
    if records[0].model != records[1].model:
        raise typer.BadParameter("these are versions of two models")
    difference = compare_versions(environment, *records)
    if as_json:
        print_json(difference.as_json())
    else:
        typer.echo("\n".join(diff_lines(difference)))


def _print_file(record: VersionRecord, name: str, content: bytes, as_json: bool) -> None:
    if as_json:
        text = content.decode("utf-8", "replace")
        print_json(
            {"model": record.model, "version": record.version, "file": name, "content": text}
        )
    else:
        typer.echo(content, nl=False)


def _read(environment: Environment, words: list[str]) -> VersionRecord:
    from airworthy.registry.mlflow_errors import mlflow_errors
    from airworthy.versions.version_record import read_version, resolve_version

    with mlflow_errors(environment):
        model, version = resolve_version(environment, words)
        require_known_model(environment, model)
        return read_version(environment, model, version)


def _kept_file(environment: Environment, record: VersionRecord, name: str) -> bytes:
    from airworthy.registry.registry import open_registry
    from airworthy.registry.version_source import DIFF_FILE, read_source
    from airworthy.versions.version_lines import NOTHING_KEPT

    if name in record.code.kept:
        version = open_registry(environment).version(record.model, record.version)
        return read_source(version, name)
    if name == DIFF_FILE and record.code.dirty is False:
        return b""
    raise TerminalError(
        f"version {record.version} keeps no {name}",
        model=record.model,
        received=name if record.code.kept else NOTHING_KEPT,
        allowed=", ".join(record.code.kept) or "nothing",
        next_step=f"airworthy show {record.model}/{record.version}",
    )
