"""The result of a stage in a container: a file of the run's evidence, read and removed by its caller.

It needs no disk that both share, and has no limit of size.
"""

from __future__ import annotations

import json
from typing import Any

from airworthy.environment import Environment
from airworthy.errors import TerminalPlaceError
from airworthy.evidence import Evidence
from airworthy.handover.train_outputs import run_folder
from airworthy.stage_input import located, portable

PREFIX = "handover:"
"""``airworthy stage --output handover:NAME`` writes the result of this name."""


def write_result(
    environment: Environment, run: dict[str, Any], name: str, result: dict[str, Any]
) -> None:
    """Write a stage's result under a name.

    Args:
        environment: The environment of the container.
        run: The run's request, as JSON.
        name: The result's name, such as that of the pod.
        result: The stage's output, as JSON.

    Raises:
        TerminalError: when the store refuses.
        TransientError: when it cannot be reached.
    """
    content = json.dumps(portable(result, environment.places))
    _evidence(environment, run).write(_file(name), content)


def read_result(environment: Environment, run: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return the result of a name; None: there is none.

    Args:
        environment: The environment of the caller.
        run: The run's request, as JSON.
        name: The result's name.

    Raises:
        TerminalError: when the store refuses, or the file is no result.
        TransientError: when it cannot be reached.
    """
    evidence = _evidence(environment, run)
    content = evidence.read(evidence.address(_file(name)))
    if content is None:
        return None
    try:
        result = located(json.loads(content), environment.places)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise TerminalPlaceError(
            "the container's result is no JSON object",
            received=evidence.address(_file(name)),
            next_step="use an image of the same version as the caller",
        )
    return result


def remove_result(environment: Environment, run: dict[str, Any], name: str) -> None:
    """Remove the result of a name; without one, do nothing.

    Raises:
        TerminalError: when the store refuses.
        TransientError: when it cannot be reached.
    """
    _evidence(environment, run).delete(_file(name))


def _evidence(environment: Environment, run: dict[str, Any]) -> Evidence:
    root = environment.beside_lake(run["model"], "evidence")
    return Evidence(root, run_folder(run["run_id"]))


def _file(name: str) -> str:
    return f"handover/{name}.json"
