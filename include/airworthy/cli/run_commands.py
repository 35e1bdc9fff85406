"""``airworthy run``, ``stage`` and ``serve``: run stages and the model server without Airflow."""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from airworthy.cli.caller import log_to_stderr, manual_request
from airworthy.cli.completion import Model, complete_models
from airworthy.cli.date_options import default_as_of, parse_as_of
from airworthy.cli.exit_codes import REFUSED, WAITS_FOR_APPROVAL
from airworthy.cli.json_output import Json, print_json, print_result
from airworthy.cli.release_in_process import (
    print_release,
    release_object,
    release_version,
    run_timed,
)
from airworthy.errors import TerminalError
from airworthy.shown_text import one_line
from airworthy.spec.run_parameters import require_finite


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("run")(run)
    app.command("stage")(stage)
    app.command("serve")(serve)


def run(  # noqa: PLR0913 - the command's options
    model: Model,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Exclusive end of the data, a UTC day. Default: today, or the end of the data."
        ),
    ] = None,
    promote: Annotated[str, typer.Option(help="auto, always or never.")] = "auto",
    release: Annotated[
        bool, typer.Option(help="Go on to release a version that passed its gates.")
    ] = True,
    approve: Annotated[
        str | None, typer.Option(help="Approve it, in your name; the words are recorded.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE for XGBoost.")
    ] = None,
    refresh: Annotated[
        str | None,
        typer.Option(
            help="Days to read again from the source: FROM..TO, as 2026-01-01..2026-01-31."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run every stage of MODEL in this process.

    Exits 3 when the challenger was rejected, 4 when it waits for an approval: see airworthy
    release.
    """
    log_to_stderr()
    _require_checked(model)
    request = {
        **manual_request(model, _end_of_data(model, as_of, as_json).isoformat()),
        "promote": promote,
        "parameters": _parse_parameters(parameter or []),
        "refresh": refresh,
    }
    payload = _run_stages({"run": request}, release, approve)
    if as_json:
        print_json(
            {"dataset": payload["dataset"], "verdict": payload["verdict"]} | release_object(payload)
        )
    else:
        _summarise(payload)
        _print_next_steps(payload)
    if not (
        payload["verdict"]["releasable"] and payload["version"]["validation_status"] == "approved"
    ):
        raise typer.Exit(REFUSED)
    if "parity" in payload and "deployment" not in payload:
        raise typer.Exit(WAITS_FOR_APPROVAL)


def _end_of_data(model: str, as_of: str | None, as_json: bool) -> datetime:
    """Return the run's end of data; say it when it is another than today."""
    if as_of is not None:
        return parse_as_of(as_of)
    end = default_as_of(model)
    if end != parse_as_of(None):
        words = f"as of {end:%Y-%m-%d}: the spec's data end on the day before"
        typer.echo(words, err=as_json)
    return end


def _require_checked(model: str) -> None:
    """Check the model as ``airworthy check`` does, before anything is read from the source.

    Raises:
        TerminalError: with all faults.
    """
    from airworthy.checks.check_spec import check_spec
    from airworthy.cli.model_names import require_known_model
    from airworthy.environment import load_environment
    from airworthy.spec.loading import SPEC_FILE

    environment = load_environment()
    path = environment.models / model / SPEC_FILE
    if not path.exists():
        require_known_model(environment, model)
    faults = check_spec(path).faults
    if faults:
        raise TerminalError(
            "\n".join(str(fault) for fault in faults),
            model=model,
            next_step=f"edit {path.parent}, then: airworthy check {path.parent}",
        )


def _run_stages(payload: dict[str, Any], release: bool, approve: str | None) -> dict[str, Any]:
    from airworthy.handover.catalogue import STAGES
    from airworthy.stages import run_stage

    for name in ("ingest", "validate", "train", "evaluate", "register"):
        payload[STAGES[name].output] = run_timed(name, partial(run_stage, name, payload))
    if (
        release
        and payload["version"]["validation_status"] == "approved"
        and payload["run"]["promote"] != "never"
    ):
        release_version(payload, approve)
    return payload


def _summarise(payload: dict[str, Any]) -> None:
    from airworthy.gates.verdict_table import verdict_table
    from airworthy.handover import DatasetRef, Verdict

    dataset = DatasetRef.model_validate(payload["dataset"])
    size = f"{dataset.rows:,} rows of {len(dataset.partitions)} partitions"
    typer.echo(f"dataset: {dataset.id}: {size} {dataset.window}")
    for line in dataset.counts.lines if dataset.counts is not None else []:
        typer.echo(f"  {one_line(line)}")
    typer.echo(verdict_table(Verdict.model_validate(payload["verdict"])))
    version = payload["version"]
    typer.echo(f"version: {version['version']} ({version['validation_status']})")
    if payload["verdict"]["releasable"] and version["validation_status"] == "rejected":
        typer.echo(
            "the same data, code and parameters were rejected before: "
            "that version can never take an alias"
        )
    print_release(payload)


def _print_next_steps(payload: dict[str, Any]) -> None:
    """Print how to see the version, to serve it and to ask it."""
    model, version = payload["run"]["model"], payload["version"]["version"]
    serves = bool(payload.get("deployment", {}).get("promoted"))
    ask = f"curl -s localhost:8000/models/{model}/example | curl -s localhost:8000/models/{model}"
    steps = [
        ("see", f"airworthy show {model}/{version}; airworthy ledger {model}"),
        *([("predict", f"airworthy predict {model} --from ROWS.csv")] if serves else []),
        *([("serve", "airworthy serve")] if serves else []),
        *(
            [("ask", f"{ask}/invocations -H 'content-type: application/json' -d @-")]
            if serves
            else []
        ),
    ]
    for name, command in steps:
        typer.echo(f"{name + ':':9}{command}")


def stage(  # noqa: PLR0913 - the command's options
    name: Annotated[str, typer.Argument(help="The stage's name.")],
    model: Annotated[str, typer.Option(help="The model's name.", autocompletion=complete_models)],
    as_of: Annotated[str | None, typer.Option(help="Exclusive end of the data, a UTC day.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why this runs.")] = None,
    run_id: Annotated[str | None, typer.Option(help="The run that this stage belongs to.")] = None,
    input_source: Annotated[
        str | None,
        typer.Option(
            "--input",
            help="Outputs of earlier stages: a JSON file, - (standard input), env:NAME.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            help="File for the result, or handover:NAME for one beside the lake. Default: standard "
            "output."
        ),
    ] = None,
    error: Annotated[
        Path | None, typer.Option(help="File for an error, as one line of JSON.", dir_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one stage: JSON in, JSON out, logs on stderr.

    The result is JSON, with --json and without it: --json makes an error JSON, too. env:NAME is a
    variable with JSON packed by gzip and base64.
    """
    from airworthy.cli.container_call import error_file, require_same_model, write_output
    from airworthy.stages import run_stage

    log_to_stderr()
    options = {"as_of": as_of, "reason": reason, "run_id": run_id, "model": model}
    with error_file(error):
        require_same_model(model)
        payload = _stage_payload(_read_payload(input_source), options)
        # Standard output is for the result alone. Libraries and features may print, too.
        with redirect_stdout(sys.stderr):
            result = run_stage(name, payload)
        if output is not None:
            write_output(output, payload["run"], result)
    if output is None:
        print_result(json.dumps(result))
    elif as_json:
        print_json({"stage": name, "model": model, "file": output})


def _stage_payload(payload: dict[str, Any], options: dict[str, str | None]) -> dict[str, Any]:
    """Return a stage's payload with the run's request: options win over the payload's own."""
    given, as_of = _run_in(payload), options["as_of"]
    named = "as_of" in given or as_of is not None
    end = parse_as_of(None) if named else default_as_of(str(options["model"]))
    request = manual_request(str(options["model"]), end.isoformat())
    if "requested_by" in given:
        del request["requested_by_proof"]  # The process's user proves no other name.
    chosen = {**options, "as_of": as_of and parse_as_of(as_of).isoformat()}
    chosen = {key: value for key, value in chosen.items() if value is not None}
    return {**payload, "run": request | given | chosen}


def _run_in(payload: dict[str, Any]) -> dict[str, Any]:
    run = payload.get("run", {})
    if not isinstance(run, dict):
        raise TerminalError(
            "the stage's input run is not an object", received=repr(run), allowed="an object"
        )
    return run


def _read_payload(source: str | None) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        content = json.loads(_read_input(source))
    except (OSError, ValueError) as error:
        raise TerminalError(
            "the stage's input cannot be read",
            received=f"{source}: {error}",
            allowed="a JSON object",
        ) from None
    if not isinstance(content, dict):
        raise TerminalError(
            "the stage's input is not an object",
            received=type(content).__name__,
            allowed="an object",
        )
    return content


def _read_input(source: str) -> str:
    """Return the text of ``--input``.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when the variable is not set or not packed.
    """
    if source == "-":
        return sys.stdin.read()
    if not source.startswith("env:"):
        return Path(source).read_text(encoding="utf-8")
    from airworthy.cli.container_call import unpacked_input

    name = source.removeprefix("env:")
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return unpacked_input(os.environ[name])


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar="AIRWORTHY_SERVER_PORT",
            min=0,
            max=65535,
            help="Port to listen on; 0: a free one.",
        ),
    ] = 8000,
    role: Annotated[
        Literal["staging", "production"],
        typer.Option(
            help="The candidates that it loads beside the champions: those for this role."
        ),
    ] = "production",
    workers: Annotated[
        int, typer.Option(min=1, help="Processes on this port; each loads its own models.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Run the model server until it is stopped."""
    from airworthy.serving.uvicorn_server import serve as serve_models

    serve_models(host, port, role, workers, on_address=_print_url if as_json else _print_address)


def _print_address(url: str) -> None:
    typer.echo(
        f"the model server listens at {url} (/models, /docs, /ready); Ctrl-C stops it", err=True
    )


def _print_url(url: str) -> None:
    print_json({"url": url})


def _parse_parameters(texts: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise TerminalError(
                "a parameter is NAME=VALUE", received=text, allowed="such as max_depth=8"
            )
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    require_finite(parameters)
    return parameters
