"""``airworthy ci release``: trains in Airflow what a merge touched, waits, and reports."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from airworthy.cli.exit_codes import FAILED, REFUSED, SUCCESS, TRANSIENT, WAITS_FOR_APPROVAL
from airworthy.cli.json_output import Json, print_json
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.shown_text import as_lines

if TYPE_CHECKING:
    from airworthy.change_report.touched_models import TouchedModel
    from airworthy.cli.airflow_runs import AirflowAccess
    from airworthy.cli.followed_release import Outcome, ReleasedModel
    from airworthy.working_tree import Changes

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WORST_FIRST = (
    ("failed", FAILED),
    ("unknown", TRANSIENT),
    ("rejected", REFUSED),
    ("not released", REFUSED),
    ("waits", WAITS_FOR_APPROVAL),
)


@dataclass(frozen=True)
class _Times:
    """In seconds: the longest time for the runs, between two looks, and for the files."""

    seconds: float
    pause: float
    arrival: float


def release(  # noqa: PLR0913 - the command's options
    url: Annotated[str, typer.Option(help="Airflow's address.")],
    base: Annotated[
        str,
        typer.Option(help="The commit before the merge: what differs from it is trained."),
    ] = "HEAD^",
    minutes: Annotated[
        float, typer.Option(min=0, help="The longest time to wait for all runs.")
    ] = 360.0,
    pause: Annotated[
        float, typer.Option(min=0.01, help="Seconds between two looks at the runs.")
    ] = 5.0,
    arrival: Annotated[
        float,
        typer.Option(min=0, help="Minutes to wait until Airflow has the merged files."),
    ] = 10.0,
    approval_later: Annotated[
        bool,
        typer.Option(
            "--approval-later", help="Count a version that waits for an approval as done."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Start MODEL__train in Airflow for each model that the last merge touched; wait for the runs.

    The login is in AIRWORTHY_AIRFLOW_TOKEN, or in AIRWORTHY_AIRFLOW_USER and
    AIRWORTHY_AIRFLOW_PASSWORD. A run of the same commit is started once.
    """
    address = _address(url)
    changes, touched = _touched(base)
    trained = [each.model for each in touched if each.kind != "removed"]
    times = _Times(minutes * 60, pause, arrival * 60)
    results = _release(address, changes, trained, times) if trained else []
    for result in results:
        if as_json:
            print_json(result.as_json())
        else:
            typer.echo(as_lines(str(result).splitlines()))
    if not results and not as_json:
        typer.echo("no model is touched: nothing is trained")
    raise typer.Exit(_exit_code(results, approval_later))


def _release(
    address: str, changes: Changes, models: list[str], times: _Times
) -> list[ReleasedModel]:
    from airworthy.airflow_login import airflow_login
    from airworthy.cli.airflow_runs import AirflowAccess
    from airworthy.cli.followed_release import Follower
    from airworthy.cli.kept_tokens import kept_token

    login = airflow_login()
    kept = None if login.token or login.user else kept_token(address)
    access = AirflowAccess.open(address, login, kept)
    runs, results = _start(access, changes, models, times)
    return [*results, *Follower(access, times.seconds, times.pause, _say).follow(runs)]


def _start(
    access: AirflowAccess, changes: Changes, models: list[str], times: _Times
) -> tuple[dict[str, str], list[ReleasedModel]]:
    """Start a run of each model; return the runs, and the models whose run could not be started."""
    from airworthy.cli.airflow_runs import start_once
    from airworthy.cli.followed_release import ReleasedModel

    name, note = f"code_change__{changes.head[:12]}", f"commit {changes.head}"
    runs: dict[str, str] = {}
    results: list[ReleasedModel] = []
    for model in models:
        try:
            _await_files(access, changes, model, times)
            runs[model], is_new = start_once(access, f"{model}__train", name, note)
            _say(model, f"{'started' if is_new else 'taken up'}: {runs[model]}")
        except AirworthyError as error:
            outcome: Outcome = "unknown" if isinstance(error, TransientError) else "failed"
            results.append(ReleasedModel(model, outcome, reasons=str(error).splitlines()))
    return runs, results


def _await_files(access: AirflowAccess, changes: Changes, model: str, times: _Times) -> None:
    """Wait until Airflow has read the merged files: it would train the former ones.

    Raises:
        TerminalError: when it has no DAG of the model in time.
        TransientError: when it has older files, or does not answer, in time.
    """
    from airworthy.cli.airflow_runs import NoDagError, bundle_version
    from airworthy.working_tree import is_before

    until = time.monotonic() + times.arrival
    while True:
        try:
            version = bundle_version(access, f"{model}__train")
            if version is None or not is_before(changes, version):
                return
            error: AirworthyError = TransientError(
                "Airflow has not read the merged files yet",
                model=model,
                received=f"the files of commit {version[:12]}",
                allowed=f"those of {changes.head[:12]}, or later ones",
                next_step="try again; look at what brings the files to Airflow",
            )
        except (NoDagError, TransientError) as found:
            error = found
        if time.monotonic() > until:
            raise error
        _say(model, f"{error.problem}; looking again")
        time.sleep(times.pause)


def _touched(base: str) -> tuple[Changes, list[TouchedModel]]:
    import tempfile
    from pathlib import Path

    from airworthy.change_report.project_layout import read_layout
    from airworthy.change_report.touched_models import touched_models
    from airworthy.environment import load_environment, local_environment
    from airworthy.environment_file import UnsetVariableError
    from airworthy.working_tree import changes_since

    try:
        environment = load_environment()
    except UnsetVariableError:  # Nothing of it is used but the folder of the models.
        environment = local_environment(Path(tempfile.gettempdir()))
    changes = changes_since(environment.models, base, uncommitted=False)
    return changes, touched_models(changes.paths, read_layout(environment, changes))


def _say(model: str, words: str) -> None:
    typer.echo(as_lines([f"{model}: {words}"]), err=True)


def _address(url: str) -> str:
    address = url.rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TerminalError(
            "this is no address of Airflow",
            received=address or "nothing",
            allowed="https://airflow.example.org",
        )
    if parts.username or parts.password:
        raise TerminalError(
            "the address has a login in it, which others can read on the command line",
            received=f"{parts.scheme}://...@{parts.hostname}",
            allowed="an address alone; the login is in AIRWORTHY_AIRFLOW_TOKEN, or in "
            "AIRWORTHY_AIRFLOW_USER and AIRWORTHY_AIRFLOW_PASSWORD",
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        typer.echo(f"warning: {address} is not encrypted: others may read the login", err=True)
    return address


def _exit_code(results: list[ReleasedModel], approval_later: bool) -> int:
    outcomes = {result.outcome for result in results}
    for outcome, code in _WORST_FIRST:
        if outcome in outcomes and not (outcome == "waits" and approval_later):
            return code
    return SUCCESS
