"""Dirty trees: versions made of files that no commit has, which an environment may refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.registry.tags import DIRTY_FILES, SOURCE_DIRTY

# The blockers of a release are asked before any stage runs: nothing heavy is imported.
if TYPE_CHECKING:
    from airworthy.job import Job

_SHOWN = 5


def tree_blocker(environment: Environment, tags: Mapping[str, str]) -> str | None:
    """Return the reason against a version by the tree that made it; None when it is fit. Pure.

    Args:
        environment: The environment that releases it.
        tags: The tags of the version, or of the training; see `airworthy.registry.tags`.
    """
    if environment.release.dirty_trees == "allow" or tags.get(SOURCE_DIRTY) == "false":
        return None
    refused = f"release.dirty_trees of the environment {environment.name} is refuse"
    return f"{_fault(tags)}, and {refused}"


def require_committed(job: Job, tags: Mapping[str, str]) -> None:
    """Check that an environment that refuses dirty trees may use what a tree made.

    Args:
        job: The run.
        tags: The tags of the training, or of its version.

    Raises:
        TerminalError: when it may not. The message names the files, and the way out.
    """
    blocker = tree_blocker(job.environment, tags)
    if blocker is None:
        return
    raise TerminalError(
        blocker,
        model=job.spec.model,
        received=_received(tags),
        allowed="a tree in which every file of the model and of the code is committed",
        next_step=_next_step(job, tags),
    )


def _fault(tags: Mapping[str, str]) -> str:
    match tags.get(SOURCE_DIRTY):
        case "true":
            return f"it is made of files that no commit has ({_files(tags)})"
        case "unknown":
            return "nobody knows whether its files are committed: there is no git repository"
        case _:
            return "nobody knows whether its files were committed: an earlier release made it"


def _received(tags: Mapping[str, str]) -> str:
    return (
        f"a dirty tree: {_files(tags)}" if tags.get(SOURCE_DIRTY) == "true" else "an unknown tree"
    )


def _next_step(job: Job, tags: Mapping[str, str]) -> str:
    again = f"train again: airworthy run {job.spec.model}, or the DAG"
    if tags.get(SOURCE_DIRTY) != "unknown":
        return (
            f"commit them (git add {job.folder}; git commit), build the image again where one "
            f"trains, then {again}"
        )
    return (
        "train in a git repository, or in an image of make image, which says its commit in "
        f"AIRWORTHY_GIT_COMMIT; then {again}"
    )


def _files(tags: Mapping[str, str]) -> str:
    files = tags.get(DIRTY_FILES, "").splitlines()
    more = len(files) - _SHOWN
    return ", ".join([*files[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])
