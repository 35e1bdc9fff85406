"""The command ``new-model``: a model from a template, or proposed from somebody's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.json_output import Json, print_json
from airworthy.shown_text import visible

if TYPE_CHECKING:
    from airworthy.environment import Environment
    from airworthy.proposal.propose import Wishes

FILES = "model.yaml, features.py, behaviour.py, tests.yaml"


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
    """Add the command to the console command."""
    app.command("new-model")(new_model)


def new_model(  # noqa: PLR0913 - the command's options
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and _.")],
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Your rows: a CSV, Parquet, JSON-lines or Excel file, a folder or a pattern of "
            "them, a path with {yyyy}, {mm}, {dd}, or an SQLAlchemy URL. All of the spec is "
            "proposed from them.",
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="With --from: the column to predict.")] = None,
    task: Annotated[
        TaskChoice | None,
        typer.Option(help="What it predicts. Default: by the label; without --from: regression."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="With --from: the label's value that means yes.")
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(help="With --from: the column with a row's time.")
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="With --from: the times' format, such as %d.%m.%Y.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="With --from: the column that identifies a row.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="With --from and a database: the table.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="With --from and a database: a SELECT.")] = None,
    source: Annotated[
        SourceChoice | None,
        typer.Option(help="Without --from: the kind of source of a template. Default: simulator."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a working model folder. Without a project, the current folder becomes one.

    With --from, everything is proposed from your rows, and each guess is told.
    """
    from airworthy.environment import load_environment
    from airworthy.project import find_project

    environment = load_environment(find_project() or Path.cwd())
    wished = {
        "--label": label, "--positive": positive, "--event-time": event_time,
        "--time-format": time_format, "--key": key, "--table": table, "--query": query,
    }  # fmt: skip
    if origin is None:
        given = [option for option, value in wished.items() if value is not None]
        _refuse_together(given, "--from", "say --from with your rows")
        _from_template(environment, name, task or TaskChoice.regression, source, as_json)
        return
    _refuse_together(
        ["--from"] if source else [], "--from alone, without --source", "leave out --source"
    )
    from airworthy.proposal.propose import Wishes

    wishes = Wishes(
        label=label, event_time=event_time, time_format=time_format,
        key=(key,) if key else (), task=task and task.value, positive=positive,
    )  # fmt: skip
    _propose(environment, name, (origin, table, query), wishes, as_json)


def _refuse_together(given: list[str], allowed: str, next_step: str) -> None:
    from airworthy.errors import TerminalError

    if given:
        raise TerminalError(
            "these options do not go together",
            received=", ".join(given),
            allowed=allowed,
            next_step=next_step,
        )


def _from_template(
    environment: Environment,
    name: str,
    task: TaskChoice,
    source: SourceChoice | None,
    as_json: bool,
) -> None:
    from airworthy.spec.scaffold import scaffold

    chosen = source or SourceChoice.simulator
    folder = scaffold(environment.models, name, task.value, chosen.value)
    steps = ["airworthy check", f"airworthy test {name}"]
    steps += [
        f"airworthy run {name} --as-of DATE    # every stage in this process, without Airflow"
    ]
    if chosen is not SourceChoice.simulator:
        steps = [f"edit {folder / 'model.yaml'}: the lines marked with `<-`", *steps]
    _print_made(name, folder, [], steps, as_json)


def _propose(
    environment: Environment,
    name: str,
    place: tuple[str, str | None, str | None],
    wishes: Wishes,
    as_json: bool,
) -> None:
    from datetime import UTC, datetime

    from airworthy.proposal.told import told_lines
    from airworthy.proposal.write_model import is_secret, new_model_from, open_origin
    from airworthy.spec.scaffold import require_free_name

    require_free_name(environment.models, name)
    origin, rows = open_origin(*place)
    today = datetime.now(UTC).date()
    folder, proposal = new_model_from(
        environment.models, environment.project, name, (origin, rows), wishes, today
    )
    steps = [f"airworthy check {folder}"]
    steps += [f"airworthy run {name}    # every stage in this process, without Airflow"]
    if is_secret(origin):
        variable = f"AIRFLOW_CONN_{name.upper()}_SOURCE"
        steps = [
            f"export {variable}=...    # the database's address; no spec holds a password",
            *steps,
        ]
    if not as_json:
        typer.echo(f"proposed from {origin.text}:")
    _print_made(name, folder, list(told_lines(proposal, rows.csv)), steps, as_json)


def _print_made(
    name: str, folder: Path, told: Sequence[str], steps: Sequence[str], as_json: bool
) -> None:
    """Print the folder that was made, with what was told of each guess before it.

    Args:
        name: The model.
        folder: Its folder.
        told: The guesses.
        steps: What to do next.
        as_json: Print a JSON object.
    """
    if as_json:
        files = FILES.split(", ")
        print_json(
            {"model": name, "folder": folder, "files": files, "told": told, "next_step": steps}
        )
        return
    for line in told:
        typer.echo(visible(line))
    typer.echo(f"made {folder}: {FILES}")
    typer.echo("next:")
    for step in steps:
        typer.echo(f"  {step}")
