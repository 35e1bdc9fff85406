"""Reads what the records of a model say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airworthy.anchors.anchored_ledger import read_kept_heads
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.lake.lake import open_lake
from airworthy.ledger import Entry, open_ledger
from airworthy.reconciliation.facts import Facts, RegisteredVersion
from airworthy.registry import tags
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import Registry, is_of_other_environment, open_registry
from airworthy.traffic import traffic_of
from airworthy.traffic.replica_reports import Replica, open_replica_reports

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def gather(environment: Environment, model: str) -> Facts:
    """Return the records of a model in an environment.

    The servers' reports and the anchors are read before the ledger: what they have seen must be in it.

    Args:
        environment: The environment.
        model: The model.

    Raises:
        TransientError: when MLflow or the lake cannot be reached.
    """
    servers = _live_servers(environment)
    kept_heads = read_kept_heads(environment, model)
    with mlflow_errors(environment):
        registry = open_registry(environment)
        registered = {
            str(each.version): _registered(environment, each) for each in registry.versions(model)
        }
        aliases = _aliases(registry, model)
    entries, error = _entries(environment, model)
    return Facts(
        model=model,
        entries=entries,
        ledger_error=error,
        registered=registered,
        aliases=aliases,
        kept_heads=kept_heads,
        servers=servers,
        lake_version=_lake_version(environment, model, _part_of_champion(entries, registered)),
    )


def _live_servers(environment: Environment) -> list[Replica]:
    now = datetime.now(UTC)
    return [each for each in open_replica_reports(environment).read() if each.is_live(now)]


def _registered(environment: Environment, version: ModelVersion) -> RegisteredVersion:
    dataset_version = version.tags.get(tags.DATASET_VERSION)
    return RegisteredVersion(
        version=str(version.version),
        bundle_digest=version.tags.get(tags.BUNDLE_DIGEST),
        is_own=version.tags.get(tags.ENVIRONMENT) == environment.name,
        is_foreign=is_of_other_environment(environment, version.tags),
        dataset_version=int(dataset_version) if dataset_version else None,
        dataset_part=version.tags.get(tags.DATASET_PART, ""),
    )


def _aliases(registry: Registry, model: str) -> dict[str, str]:
    found = {"champion": registry.champion(model), "challenger": registry.challenger(model)}
    return {alias: version for alias, version in found.items() if version is not None}


def _entries(environment: Environment, model: str) -> tuple[list[Entry], TerminalError | None]:
    try:
        return open_ledger(environment, model).entries(), None
    except TerminalError as error:
        return [], error


def _part_of_champion(entries: list[Entry], registered: Mapping[str, RegisteredVersion]) -> str:
    """Return the part of the lake with the champion's rows. A broken ledger names no champion."""
    try:
        champion = registered.get(traffic_of(entries).champion_version or "")
    except TerminalError:
        return ""
    return champion.dataset_part if champion else ""


def _lake_version(environment: Environment, model: str, part: str) -> int | None:
    version = open_lake(environment, model, part).refresh().version
    return version if version >= 0 else None
