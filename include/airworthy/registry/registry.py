"""The model registry: reads versions, and registers once per idempotency key.

The versions and their tags are in MLflow's registry. Its aliases `champion` and `challenger` are
projections of the ledger; see `airworthy.release.projection`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.registry.model_files import download_model
from airworthy.registry.registration import register_once, versions_with_key
from airworthy.registry.tags import (
    BUNDLE_DIGEST,
    ENVIRONMENT,
    REGISTERING,
    ROLLED_BACK,
    VALIDATION_STATUS,
)
from airworthy.registry.tracking import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
BUNDLE_ARTIFACT = "artifacts/bundle"

_VERSION = re.compile("[1-9][0-9]{0,17}")


class Registry:
    """One environment's model registry."""

    def __init__(self, environment: Environment, client: MlflowClient) -> None:
        """See `open_registry`."""
        self.environment = environment
        self.client = client

    def models(self) -> list[str]:
        """Return the names of all registered models, sorted."""
        return sorted(
            model.name for model in self.client.search_registered_models(max_results=1000)
        )

    def aliases(self) -> dict[str, dict[str, str]]:
        """Return alias -> version, by model, of all registered models."""
        models = self.client.search_registered_models(max_results=1000)
        return {
            str(model.name): {alias: str(version) for alias, version in model.aliases.items()}
            for model in models
        }

    def champion(self, model: str) -> str | None:
        """Return the version with the champion alias, or None."""
        return self._version_by_alias(model, CHAMPION)

    def challenger(self, model: str) -> str | None:
        """Return the version with the challenger alias (it is under rollout), or None."""
        return self._version_by_alias(model, CHALLENGER)

    def _version_by_alias(self, model: str, alias: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_model_version_by_alias(model, alias).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def version(self, model: str, version: str) -> ModelVersion:
        """Return a registered version.

        Raises:
            TerminalError: when there is none that is written so.
        """
        from mlflow.exceptions import MlflowException

        cause = None
        # MLflow takes other digits and leading zeros too. A record knows one way to write a version.
        if _VERSION.fullmatch(version):
            try:
                return self.client.get_model_version(model, version)
            except MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise
                cause = error
        versions = [str(each.version) for each in self.versions(model)]
        raise TerminalError(
            "there is no such version",
            model=model,
            received=version,
            allowed=", ".join(versions) or "none",
            next_step=f"airworthy ledger {model}",
        ) from cause

    def is_foreign(self, model: str, version: str | None) -> bool:
        """Return whether another environment, which shares this MLflow, registered a version.

        Args:
            model: The registered model's name.
            version: The version; None, or one that is gone: False.
        """
        if version is None:
            return False
        try:
            return is_of_other_environment(self.environment, self.version(model, version).tags)
        except TerminalError:
            return False

    def versions(self, model: str, key: str | None = None) -> list[ModelVersion]:
        """Return a model's versions, oldest first; with an idempotency key, only its own.

        A version whose registration has not ended is left out.
        """
        versions = versions_with_key(self.client, model, key)
        return [version for version in versions if REGISTERING not in version.tags]

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return the local folder of a version's bundle, and its recorded digest."""
        registered = self.version(model, version)
        folder = self.download(registered.source, BUNDLE_ARTIFACT)
        return folder, self.tag(registered, BUNDLE_DIGEST)

    def tag(self, version: ModelVersion, name: str) -> str:
        """Return a tag set by Airworthy at every registration.

        Raises:
            TerminalError: when the version was not registered by Airworthy.
        """
        if name not in version.tags:
            raise TerminalError(
                f"version {version.version} was not registered by Airworthy",
                model=version.name,
                received=f"no tag {name}",
                allowed="versions that the register stage made",
                next_step="give the alias to one of those, in MLflow",
            )
        return str(version.tags[name])

    def example(self, model: str, version: str) -> dict[str, Any] | None:
        """Return the logged example of a request body for the model server, or None."""
        path = self.download(self.version(model, version).source, "serving_input_example.json")
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def download(self, model_uri: str, artifact: str) -> Path:
        """Return a local path of a logged model's artifact; a remote model is downloaded once."""
        return download_model(self.environment, model_uri) / artifact

    def run_artifact_text(self, run_id: str, artifact: str) -> str:
        """Return the text of a run's artifact."""
        import mlflow

        return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{artifact}"))

    def register(
        self, model: str, key: str, model_uri: str, run_id: str, tags: dict[str, str]
    ) -> tuple[str, bool]:
        """Register a logged model once per idempotency key.

        Args:
            model: The registered model's name; it is created when it is missing.
            key: The idempotency key.
            model_uri: The logged model.
            run_id: Its MLflow run.
            tags: The tags of the version.

        Returns:
            The version, and True when it was created now. A repeated key gives the first version.
        """
        return register_once(self.client, model, key, model_uri, run_id, tags)

    def require_releasable(
        self, model: str, version: str, *, even_if_rolled_back: bool = False
    ) -> None:
        """Check that a version may take an alias: the last defence, whatever its caller believes.

        Args:
            model: The registered model's name.
            version: The version.
            even_if_rolled_back: Allow a rolled-back version: a person named it.

        Raises:
            TerminalError: when the version was rejected or rolled back.
        """
        tags = self.version(model, version).tags
        if ROLLED_BACK in tags and not even_if_rolled_back:
            raise TerminalError(
                f"version {version} was rolled back and does not come back by itself",
                model=model,
                stage="release",
                received=f"rolled back: {tags[ROLLED_BACK]}",
                allowed="versions that were not rolled back",
                next_step=f"to bring it back anyway: airworthy rollback {model} --to-version "
                f"{version}",
            )
        status = tags.get(VALIDATION_STATUS)
        if status != "approved":
            raise TerminalError(
                f"version {version} can never take an alias",
                model=model,
                stage="release",
                received=f"validation_status={status}",
                allowed="validation_status=approved",
                next_step="train a new challenger",
            )


def is_of_other_environment(environment: Environment, tags: Mapping[str, str]) -> bool:
    """Return whether the tags of a run or a version name another environment.

    Args:
        environment: The environment.
        tags: The tags. Some that Airworthy did not make name none.
    """
    return tags.get(ENVIRONMENT, environment.name) != environment.name


def open_registry(environment: Environment) -> Registry:
    """Return the environment's registry.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    return Registry(environment, connect(environment))
