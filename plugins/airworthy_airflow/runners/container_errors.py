"""The error of a container that has ended: the stage's own answer, or that of the place. Pure.

The two are kept apart: only a stage that has said no can say something about its data. A stage says
it by one line of JSON; an image of an earlier version by lines of text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airworthy.errors import (
    AirworthyError,
    TerminalError,
    TerminalPlaceError,
    TransientError,
    TransientPlaceError,
    UnfitDataError,
)

_FINAL, _WRONG_USAGE, _TRANSIENT = 1, 2, 75
_KILLED = 137
_ENDED = {130, 143}
_NOT_STARTED = {126, 127, 128}
_LONGEST_LINE = 300


def container_error(model: str, stage: str, exit_code: int, log: Sequence[str]) -> AirworthyError:
    """Return the error of a container by its exit code and its last lines.

    Args:
        model: The model.
        stage: The stage.
        exit_code: The exit code, not 0.
        log: The last lines of its log, or its termination message.
    """
    said = _said(log)
    if said is not None and exit_code in (_FINAL, _TRANSIENT):
        kind = _type_of(str(said.get("kind")), exit_code)
        return kind(
            str(said["message"]),
            model=model,
            stage=stage,
            received=said.get("received") or f"a container that ended with {exit_code}",
            allowed=said.get("allowed"),
            next_step=said.get("next_step"),
        )
    message = _text(f"{model} {stage}: ", log)
    if message is not None and exit_code in (_FINAL, _TRANSIENT):
        return _type_of("", exit_code)(
            message,
            model=model,
            stage=stage,
            received=f"a container that ended with {exit_code}",
        )
    return _of_place(model, stage, exit_code, log)


def _type_of(kind: str, exit_code: int) -> type[AirworthyError]:
    final = exit_code == _FINAL
    if kind == UnfitDataError.kind and final:
        return UnfitDataError
    if kind == TerminalPlaceError.kind:
        return TerminalPlaceError if final else TransientPlaceError
    return TerminalError if final else TransientError


def _of_place(model: str, stage: str, exit_code: int, log: Sequence[str]) -> AirworthyError:
    """Return the error of a container that ended without the stage's own answer."""
    kind: type[AirworthyError] = TransientPlaceError
    next_step = "look at the task's log; a retry may help"
    words = f"the container ended with {exit_code} and without the stage's answer"
    if exit_code == _KILLED:
        words = "the container was killed (137)"
        next_step = "for lack of memory, raise resources in the environment's file"
    elif exit_code in _ENDED:
        words = f"the container was ended from outside ({exit_code})"
        next_step = "nothing: a node that is drained does this, and the task is retried"
    elif exit_code == _WRONG_USAGE:
        kind, words = TerminalPlaceError, "the image does not know the stage's command (2)"
        next_step = "name an image of the same version as Airflow's DAGs"
    elif exit_code in _NOT_STARTED:
        kind, words = TerminalPlaceError, f"the image cannot start the command ({exit_code})"
        next_step = "build the image as infra/docker/Dockerfile does"
    elif exit_code == _FINAL:
        kind = TerminalPlaceError
        next_step = "start the image by hand: python -m airworthy --help"
    last = _last_line(log)
    return kind(
        f"{words}; its last line: {last}" if last else f"{words}: it failed without a word",
        model=model,
        stage=stage,
        received=f"a container that ended with {exit_code}",
        next_step=next_step,
    )


def _said(log: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the last line that is an error as JSON."""
    for line in reversed(log):
        if not line.startswith("{"):
            continue
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "message" in said and "exit_code" in said:
            return said
    return None


def _text(subject: str, log: Sequence[str]) -> str | None:
    """Return the message of the last error as text; its first line begins with model and stage."""
    found = (line for line in reversed(log) if line.startswith(subject))
    line = next(found, None)
    return None if line is None else line.removeprefix(subject)


def _last_line(log: Sequence[str]) -> str:
    line = next((line.strip() for line in reversed(log) if line.strip()), "")
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
