"""``airworthy ci``: what a pipeline runs for a change of models, and after its merge."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airworthy.cli.caller import log_warnings_to_stderr, user_name
from airworthy.cli.date_options import parse_as_of
from airworthy.cli.exit_codes import FAILED, SUCCESS, TRANSIENT
from airworthy.cli.json_output import Json, print_json
from airworthy.errors import TerminalError

if TYPE_CHECKING:
    from airworthy.change_report.build_report import ReportRequest
    from airworthy.change_report.find_champion import Against
    from airworthy.change_report.report import ChangeReport
    from airworthy.environment import Environment

Base = Annotated[
    str | None,
    typer.Option(
        help="The branch or commit to compare with. Default: origin's default branch, else main."
    ),
]
_EXIT_CODES = {"yes": SUCCESS, "no": FAILED, "unknown": TRANSIENT}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from airworthy.cli.ci_release import release

    group = typer.Typer(help="What a pipeline runs for a change of models, and after its merge.")
    group.command("report")(report)
    group.command("release")(release)
    app.add_typer(group, name="ci")


def report(  # noqa: PLR0913 - the command's options
    base: Base = None,
    days: Annotated[
        int, typer.Option(min=1, help="The largest number of days with labels to train on.")
    ] = 180,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Exclusive end of the data, a UTC day. Default: today, or the end of the data."
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            help="champion: the registry's, and the base commit where there is none. base: the base "
            "commit."
        ),
    ] = "champion",
    deliver: Annotated[
        bool, typer.Option(help="Let airworthy test deliver a sample of each model, too.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the report; plots are written beside it.", dir_okay=False),
    ] = None,
    links: Annotated[
        str, typer.Option(help="Address of the folder with the plots, for links in the report.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Report on each model that this branch touches: tests, a training run on a sample, gates.

    Exits 0 when the change may be merged, 1 when it may not. Nothing is released, and no registry
    is written to.
    """
    from airworthy.change_report.markdown import report_markdown

    log_warnings_to_stderr()
    logging.getLogger("airworthy.change_report").setLevel(logging.INFO)
    built = _build(base, _request(days, as_of, _against(against), deliver))
    text = report_markdown(built, links)
    if output is not None:
        _write(output, text, built)
    if as_json:
        print_json(built.as_json())
    elif output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(_summary(built))
    raise typer.Exit(_EXIT_CODES[built.answer])


def _request(days: int, as_of: str | None, against: Against, deliver: bool) -> ReportRequest:
    from airworthy.change_report.build_report import ReportRequest

    return ReportRequest(
        days=days,
        as_of=parse_as_of(as_of).date() if as_of else None,
        against=against,
        deliver=deliver,
        requested_by=user_name(),
    )


def _against(name: str) -> Against:
    names: dict[str, Against] = {"champion": "champion", "base": "base"}
    if name not in names:
        raise typer.BadParameter(f"{name}: champion or base", param_hint="--against")
    return names[name]


def _build(base: str | None, request: ReportRequest) -> ChangeReport:
    import tempfile

    from airworthy.change_report.build_report import build_report
    from airworthy.working_tree import changes_since

    with tempfile.TemporaryDirectory(prefix="airworthy-report-") as folder:
        environment, registry = _environments(Path(folder))
        changes = changes_since(environment.models, base)
        return build_report(environment, registry, changes, request, _say)


def _environments(folder: Path) -> tuple[Environment, Environment | str]:
    """Return the environment to work with, and that of the champions.

    A variable that is not set, as in the pipeline of a fork, leaves no environment of champions.
    """
    from airworthy.environment import load_environment, local_environment
    from airworthy.environment_file import UnsetVariableError

    try:
        environment = load_environment()
    except UnsetVariableError as error:
        return local_environment(folder / "state"), error.problem
    return environment, environment


def _say(model: str, text: str) -> None:
    typer.echo(f"{model}: {text}", err=True)


def _write(output: Path, text: str, built: ChangeReport) -> None:
    """Write the report, and the evidence of its runs beside it.

    Raises:
        TerminalError: when a file cannot be written.
    """
    from airworthy.change_report.markdown import report_files

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        for model in built.models:
            for name, copy in report_files(built).get(model.model, {}).items():
                if model.run is not None:
                    (output.parent / copy).write_bytes(model.run.files[name])
    except OSError as error:
        raise TerminalError(
            "the report cannot be written",
            received=f"{output}: {error.strerror or error}",
            next_step="say --output with a path that this user may write",
        ) from None


def _summary(built: ChangeReport) -> str:
    """Return a line for each model."""
    words = {"yes": "may be merged", "no": "may not be merged", "unknown": "try again"}
    lines = [f"{model.model}: {words[model.answer]}" for model in built.models]
    return "\n".join(lines or ["no model is touched: nothing was trained"])
