"""MLflow's logged models: their age, their versions, and the removal of their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airworthy.registry.model_files import logged_model_id
from airworthy.registry.registry import Registry, is_of_other_environment
from airworthy.registry.tags import ARTIFACTS_REMOVED

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

_PAGE = 500


@dataclass(frozen=True)
class ModelFiles:
    """The files of one logged model.

    Attributes:
        model_id: MLflow's id.
        location: Where the files are.
        created: The time of its logging, UTC.
        versions: The registered versions with these files, oldest first.
    """

    model_id: str
    location: str
    created: datetime
    versions: tuple[str, ...] = ()


def model_files(registry: Registry, model: str) -> list[ModelFiles]:
    """Return the logged models of a model that have files, oldest first.

    Those of versions that another environment registered are left out: its ledger is not ours.

    Args:
        registry: The registry.
        model: The model.
    """
    versions: dict[str, list[str]] = {}
    foreign: set[str] = set()
    for version in registry.versions(model):
        files = logged_model_id(version.source)
        versions.setdefault(files, []).append(str(version.version))
        if is_of_other_environment(registry.environment, version.tags):
            foreign.add(files)
    found = [
        ModelFiles(
            each.model_id,
            each.artifact_location,
            datetime.fromtimestamp(each.creation_timestamp / 1000, UTC),
            tuple(versions.get(each.model_id, ())),
        )
        for each in _logged(registry, model)
        if ARTIFACTS_REMOVED not in each.tags and each.model_id not in foreign
    ]
    return sorted(found, key=lambda each: each.created)


def remove_files(registry: Registry, files: ModelFiles) -> None:
    """Remove the files of a logged model, and say so in its tags. A second call changes nothing.

    Args:
        registry: The registry.
        files: The logged model.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    get_artifact_repository(files.location).delete_artifacts()
    tags = {ARTIFACTS_REMOVED: datetime.now(UTC).isoformat(timespec="seconds")}
    registry.client.set_logged_model_tags(files.model_id, tags)


def _logged(registry: Registry, model: str) -> Iterator[LoggedModel]:
    experiment = registry.client.get_experiment_by_name(model)
    token: Any = None
    while experiment is not None:
        page = registry.client.search_logged_models(
            [experiment.experiment_id], max_results=_PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return
