"""The files of MLflow's runs: of old runs all of them, of others their old monitor windows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airworthy.registry.registry import Registry, is_of_other_environment
from airworthy.registry.tags import ARTIFACTS_REMOVED, SOURCE_RUN

if TYPE_CHECKING:
    from mlflow.entities import Run

MONITORING_FILES = "monitoring"
"""The folder of a run's monitor windows: one folder for each, named by its end in UTC."""
WINDOW_FORMAT = "%Y-%m-%dT%H%M"
_PAGE = 500


@dataclass(frozen=True)
class RunFiles:
    """Files of one MLflow run.

    Attributes:
        run_id: MLflow's id of the run.
        location: The address of its files.
        folders: The folders that go, below the address; empty: all files.
    """

    run_id: str
    location: str
    folders: tuple[str, ...] = ()


def old_run_files(
    registry: Registry, model: str, needed: Collection[str], until: datetime
) -> list[RunFiles]:
    """Return the files that may be removed of a model's runs.

    Runs that began before `until` lose all files. Runs of needed versions keep theirs, without the
    monitor windows that ended before.

    Args:
        registry: The registry.
        model: The model.
        needed: The versions whose runs keep their files.
        until: A time, UTC.
    """
    kept = _runs_of(registry, model, needed)
    found = []
    for run in _runs(registry, model):
        run_id, location = run.info.run_id, str(run.info.artifact_uri)
        if datetime.fromtimestamp(run.info.start_time / 1000, UTC) >= until:
            continue
        if run_id not in kept:
            found.append(RunFiles(run_id, location))
        elif windows := tuple(_old_windows(registry, run_id, until)):
            found.append(RunFiles(run_id, location, windows))
    return found


def remove_run_files(registry: Registry, files: RunFiles) -> None:
    """Remove files of a run. A run that loses all of them gets a tag. A second call does nothing.

    Args:
        registry: The registry.
        files: The files.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(files.location)
    for folder in files.folders:
        repository.delete_artifacts(folder)
    if not files.folders:
        repository.delete_artifacts()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        registry.client.set_tag(files.run_id, ARTIFACTS_REMOVED, now)


def _runs_of(registry: Registry, model: str, needed: Collection[str]) -> set[str]:
    """Return the runs of versions, and those that have their source."""
    versions = [each for each in registry.versions(model) if str(each.version) in needed]
    return {
        run
        for version in versions
        for run in (version.run_id, version.tags.get(SOURCE_RUN))
        if run is not None
    }


def _runs(registry: Registry, model: str) -> Iterator[Run]:
    """Yield the runs of a model that have files. Those of other environments are left out."""
    experiment = registry.client.get_experiment_by_name(model)
    token: Any = None
    while experiment is not None:
        page = registry.client.search_runs(
            [experiment.experiment_id], max_results=_PAGE, page_token=token
        )
        for run in page:
            foreign = is_of_other_environment(registry.environment, run.data.tags)
            if ARTIFACTS_REMOVED not in run.data.tags and not foreign:
                yield run
        token = page.token
        if not token:
            return


def _old_windows(registry: Registry, run_id: str, until: datetime) -> Iterator[str]:
    for each in registry.client.list_artifacts(run_id, MONITORING_FILES):
        # Others have put something else there: it stays.
        with suppress(ValueError):
            ended = datetime.strptime(each.path.rsplit("/", 1)[-1], WINDOW_FORMAT)
            if ended.replace(tzinfo=UTC) < until:
                yield each.path
