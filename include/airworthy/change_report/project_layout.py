"""The places of a project's models in their repository, as they are on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airworthy.change_report.touched_models import Layout
from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.lake.sources.addresses import local_path
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.read_yaml import UnreadableError, read_mapping
from airworthy.working_tree import Changes, folders_of


def read_layout(environment: Environment, changes: Changes) -> Layout:
    """Return the places of an environment's project and models.

    Args:
        environment: Names the project and the folder of the models.
        changes: The changes of the repository of the models.
    """
    models, project = environment.models.resolve(), environment.project.resolve()
    specs = sorted(models.glob(f"*/{SPEC_FILE}"))
    below = models.relative_to(changes.repository).as_posix()
    return Layout(
        project=_below(project, changes.repository),
        models="" if below == "." else below,
        now={spec.parent.name for spec in specs},
        before=folders_of(changes, models),
        sources={spec.parent.name: _source(spec, changes.repository) for spec in specs},
    )


def _below(folder: Path, repository: Path) -> str | None:
    if not folder.is_relative_to(repository):
        return None
    name = folder.relative_to(repository).as_posix()
    return "" if name == "." else name


def _source(spec: Path, repository: Path) -> str:
    """Return the path of a source's files below the repository; empty when they are elsewhere."""
    try:
        content: Any = read_mapping(spec)
        path = str(content["ingest"]["source"]["path"])
    except (UnreadableError, AirworthyError, OSError, KeyError, TypeError):
        return ""
    local = local_path(path)
    if "://" in local:
        return ""
    absolute = os.path.normpath(spec.parent / local)
    inside = os.path.relpath(absolute, repository)
    return "" if inside.startswith("..") else Path(inside).as_posix()
