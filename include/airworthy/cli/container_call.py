"""A stage's command in a container: its input, the check of its model's folder, its result, its error."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from airworthy.cli.error_output import error_object
from airworthy.cli.exit_codes import FAILED, TRANSIENT
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError, TerminalPlaceError, TransientError
from airworthy.stage_input import located, unpack
from airworthy.stage_results import PREFIX, write_result
from airworthy.working_tree.folder_digest import DIGEST_VARIABLE, folder_digest

_LONGEST_ERROR = 4000
"""Bytes of an error's file: Kubernetes keeps 4,096 bytes of a container's termination message."""


def unpacked_input(text: str) -> str:
    """Return the JSON of a packed input, with the addresses of this place.

    Raises:
        ValueError: when the text is not packed JSON.
    """
    return json.dumps(located(json.loads(unpack(text)), load_environment().places))


def require_same_model(model: str) -> None:
    """Compare the model's folder with that of the caller, if the caller sent its digest.

    Raises:
        TerminalPlaceError: when they differ: evidence would name code that did not run.
    """
    wanted = os.environ.get(DIGEST_VARIABLE)
    folder = load_environment().models / model
    if not wanted or folder_digest(folder) == wanted:
        return
    raise TerminalPlaceError(
        "the image has another model folder than the caller",
        model=model,
        received=f"{folder}: {folder_digest(folder)[:12]}",
        allowed=f"{wanted[:12]}, as where the task runs",
        next_step="build the image from the same commit as Airflow's DAGs, and name it in the "
        "environment's file",
    )


def write_output(output: str, run: dict[str, Any], result: dict[str, Any]) -> None:
    """Write a stage's result into a file, or as a hand-over beside the lake.

    Args:
        output: A path, or ``handover:NAME``.
        run: The run's request, as JSON.
        result: The stage's output, as JSON.

    Raises:
        OSError: when the file cannot be written.
        TerminalError: when the store refuses.
        TransientError: when the store cannot be reached.
    """
    if output.startswith(PREFIX):
        write_result(load_environment(), run, output.removeprefix(PREFIX), result)
    else:
        Path(output).write_text(json.dumps(result), encoding="utf-8")


@contextmanager
def error_file(path: Path | None) -> Iterator[None]:
    """Write an error of the block into a file as JSON, short enough for Kubernetes; raise it on."""
    try:
        yield
    except AirworthyError as error:
        if path is not None:
            # The error itself says more than a file that cannot be written.
            with suppress(OSError):
                path.write_text(short_error(error), encoding="utf-8")
        raise


def short_error(error: AirworthyError) -> str:
    """Return an error as one line of JSON of at most 4,000 bytes; long texts lose their ends."""
    code = TRANSIENT if isinstance(error, TransientError) else FAILED
    parts = {name: value for name, value in error_object(error, code).items() if value}
    limit = _LONGEST_ERROR
    while True:
        line = json.dumps({name: _cut(value, limit) for name, value in parts.items()})
        if len(line) <= _LONGEST_ERROR:
            return line
        limit = limit * 3 // 4


def _cut(value: object, limit: int) -> object:
    return f"{value[:limit]}..." if isinstance(value, str) and len(value) > limit else value
