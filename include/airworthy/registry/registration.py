"""Registers a version once per idempotency key, on any number of machines, without a lock.

A version is created first and compared after: of the versions with a key, the one with the lowest
number stays. MLflow numbers versions in one sequence and gives no number twice, so everyone who
created one sees the lowest. Until the comparison a version has the tag `REGISTERING`, and nobody
was told of it. Only such a version is ever deleted. A call that was cut off between both is
completed by the next call with its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airworthy.registry.model_files import logged_model_id
from airworthy.registry.tags import IDEMPOTENCY_KEY, REGISTERING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def versions_with_key(client: MlflowClient, model: str, key: str | None) -> list[ModelVersion]:
    """Return a model's versions, oldest first, those under registration too.

    Args:
        client: A client of the registry.
        model: The registered model's name.
        key: Only versions with this idempotency key; None: all.
    """
    query = f"name = '{model}'" + (f" and tag.`{IDEMPOTENCY_KEY}` = '{key}'" if key else "")
    return sorted(
        client.search_model_versions(query, max_results=10_000),
        key=lambda version: int(version.version),
    )


def register_once(
    client: MlflowClient,
    model: str,
    key: str,
    model_uri: str,
    run_id: str,
    tags: dict[str, str],
) -> tuple[str, bool]:
    """Return the version with an idempotency key; create it when it is missing.

    Args:
        client: A client of the registry.
        model: The registered model's name; it is created when it is missing.
        key: The idempotency key.
        model_uri: The logged model.
        run_id: Its MLflow run.
        tags: The tags of the version.

    Returns:
        The version, and True when this call created it.
    """
    existing = _first_version(client, model, key)
    if existing is not None:
        return existing, False
    _create_model(client, model)
    created = client.create_model_version(
        model,
        model_uri,
        run_id=run_id,
        model_id=logged_model_id(model_uri),
        tags={**tags, IDEMPOTENCY_KEY: key, REGISTERING: "true"},
    )
    first = _first_version(client, model, key)
    if first is None:
        raise RuntimeError(f"version {created.version} of {model} was deleted by somebody else")
    return first, first == str(created.version)


def _first_version(client: MlflowClient, model: str, key: str) -> str | None:
    """Return the lowest version with a key, and delete those that lost against it."""
    versions = versions_with_key(client, model, key)
    if not versions:
        return None
    first, *others = versions
    for other in others:
        if REGISTERING in other.tags:
            _delete(client, other)
    if REGISTERING in first.tags:
        client.delete_model_version_tag(model, str(first.version), REGISTERING)
    return str(first.version)


def _create_model(client: MlflowClient, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _delete(client: MlflowClient, version: ModelVersion) -> None:
    """Delete a version. The other caller may have deleted it already."""
    from mlflow.exceptions import MlflowException

    try:
        client.delete_model_version(version.name, str(version.version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
