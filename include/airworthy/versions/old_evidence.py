"""The evidence of old runs, and remembered results, under the environment's retention."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from airworthy.environment import Environment
from airworthy.handover.train_outputs import run_folder
from airworthy.object_store import open_store

_EVIDENCE = "evidence"
_REMEMBERED = ("windows", "validations")


def old_evidence(
    environment: Environment, model: str, needed: Collection[str], until: datetime
) -> list[str]:
    """Return the folders of runs that wrote nothing since a time and that nothing needs, by name.

    Args:
        environment: The environment with the lake.
        model: The model.
        needed: The ids of runs whose evidence stays.
        until: The time, UTC.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    newest: dict[str, datetime] = {}
    for each in open_store(environment.beside_lake(model, _EVIDENCE)).list():
        folder = each.path.partition("/")[0]
        newest[folder] = max(newest.get(folder, each.last_modified), each.last_modified)
    kept = {run_folder(run) for run in needed}
    return sorted(name for name, last in newest.items() if last < until and name not in kept)


def remove_evidence(environment: Environment, model: str, folders: Collection[str]) -> None:
    """Remove folders of runs.

    Args:
        environment: The environment with the lake.
        model: The model.
        folders: Their names.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    store = open_store(environment.beside_lake(model, _EVIDENCE))
    for folder in folders:
        store.delete_folder(folder)


def forget_results(environment: Environment, model: str, until: datetime) -> int:
    """Remove results that were remembered before a time; return their number.

    They are validations of partitions and summaries of windows: what is needed again is computed
    again. This machine's copies go too.

    Args:
        environment: The environment with the lake.
        model: The model.
        until: The time, UTC.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    count = 0
    for name in _REMEMBERED:
        store = open_store(environment.beside_lake(model, name))
        old = [each for each in store.list() if each.last_modified < until]
        for each in old:
            store.delete(each.path)
        count += len(old)
    for file in (environment.copies / model).rglob("*"):
        if file.is_file() and _modified(file) < until:
            file.unlink(missing_ok=True)
    return count


def forget_download(environment: Environment, model_id: str) -> None:
    """Remove this machine's copy of a logged model, if it has one.

    Args:
        environment: The environment.
        model_id: MLflow's id of the logged model.
    """
    shutil.rmtree(environment.state / "models" / model_id, ignore_errors=True)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
