"""Registered versions: reading them, registering once per idempotency key, moving the champion alias.

MLflow's registry is the record; a version's tags hold what Airworthy knows of it. `champion` and `challenger` are
registry aliases.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.registry.tags import BUNDLE_DIGEST, IDEMPOTENCY_KEY, ROLLED_BACK, VALIDATION_STATUS
from airworthy.registry.tracking import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
BUNDLE_ARTIFACT = "artifacts/bundle"


class Registry:
    """One environment's model registry."""

    def __init__(self, environment: Environment, client: MlflowClient) -> None:
        """Keep the client; see `open_registry`."""
        self.environment = environment
        self.client = client

    def models(self) -> list[str]:
        """Return the names of all registered models, sorted."""
        return sorted(
            found.name for found in self.client.search_registered_models(max_results=1000)
        )

    def champion(self, model: str) -> str | None:
        """Return the version that the champion alias names, or None."""
        return self._named(model, CHAMPION)

    def challenger(self, model: str) -> str | None:
        """Return the version that the challenger alias names, which is under rollout, or None."""
        return self._named(model, CHALLENGER)

    def _named(self, model: str, alias: str) -> str | None:
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
            TerminalError: when there is none.
        """
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_model_version(model, version)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            known = (
                ", ".join(sorted((str(v.version) for v in self.versions(model)), key=int)) or "none"
            )
            raise TerminalError(
                "there is no such version",
                model=model,
                received=version,
                allowed=known,
                next_step=f"airworthy ledger {model}",
            ) from error

    def versions(self, model: str, key: str | None = None) -> list[ModelVersion]:
        """Return a model's versions, oldest first; only those with this idempotency key, when one is given."""
        asked = f"name = '{model}'" + (f" and tag.`{IDEMPOTENCY_KEY}` = '{key}'" if key else "")
        return sorted(
            self.client.search_model_versions(asked, max_results=10_000),
            key=lambda v: int(v.version),
        )

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return the local folder of a version's bundle and the digest recorded at its registration."""
        found = self.version(model, version)
        return self.download(found.source, BUNDLE_ARTIFACT), self.tag(found, BUNDLE_DIGEST)

    def tag(self, version: ModelVersion, name: str) -> str:
        """Return a tag that every version has which Airworthy registered.

        Raises:
            TerminalError: when the version was made by other means.
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
        """Return a body that the model server accepts, as it was logged with the model."""
        path = self.download(self.version(model, version).source, "serving_input_example.json")
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def download(self, model_uri: str, artifact: str) -> Path:
        """Return a local path of a logged model's artifact.

        Nothing is copied when it is local already; else the model is fetched into the state folder, once.
        """
        import mlflow

        if (
            self.environment.tracking_uri.startswith("sqlite:")
            and "://" not in self.environment.artifacts
        ):
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri)) / artifact
        kept = self.environment.state / "models" / _model_id(model_uri)
        if not kept.is_dir():
            # It appears whole or not at all, whoever else fetches it at this moment.
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as partial:
                fetched = mlflow.artifacts.download_artifacts(
                    artifact_uri=model_uri, dst_path=partial
                )
                try:
                    Path(fetched).rename(kept)
                except OSError:
                    if not kept.is_dir():
                        raise
        return kept / artifact

    def run_text(self, run_id: str, artifact: str) -> str:
        """Return the text of a run's artifact."""
        import mlflow

        return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{artifact}"))

    def register(
        self, model: str, key: str, model_uri: str, run_id: str, tags: dict[str, str]
    ) -> tuple[str, bool]:
        """Register a logged model once per idempotency key.

        Returns:
            The version, and whether it was made now; a repeated key gives the version it made the first time.
        """
        from mlflow.exceptions import MlflowException

        with self._lock(model, "register"):
            known = self.versions(model, key)
            if known:
                return str(known[0].version), False
            try:
                self.client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self.client.create_model_version(
                model,
                model_uri,
                run_id=run_id,
                model_id=_model_id(model_uri),
                tags={**tags, IDEMPOTENCY_KEY: key},
            )
            return str(made.version), True

    def promote(
        self, model: str, version: str, expected: str | None, *, even_if_rolled_back: bool = False
    ) -> str | None:
        """Move the champion alias to `version`, if it still names `expected`. Moving it twice changes nothing.

        Args:
            model: The registered model's name.
            version: The version to serve.
            expected: The champion that the decision was made against.
            even_if_rolled_back: A person named this version to be brought back.

        Returns:
            The version that was champion before.

        Raises:
            TerminalError: when the version was rejected or rolled back, or another one became champion meanwhile.
        """
        with self._lock(model, "champion"):
            current = self.champion(model)
            if current == version:
                return expected
            self._demand_releasable(model, version, even_if_rolled_back)
            if current != expected:
                raise TerminalError(
                    "another version became champion after the verdict was made",
                    model=model,
                    stage="release",
                    received=f"champion is version {current}",
                    allowed=f"champion is version {expected}",
                    next_step="run the evaluation again, against the current champion",
                )
            self.client.set_registered_model_alias(model, CHAMPION, version)
            return current

    def name_challenger(self, model: str, version: str) -> None:
        """Give the challenger alias to the version under rollout.

        Raises:
            TerminalError: when the version was rejected or rolled back.
        """
        self._demand_releasable(model, version, even_if_rolled_back=False)
        self.client.set_registered_model_alias(model, CHALLENGER, version)

    def forget_challenger(self, model: str, version: str) -> None:
        """Take the challenger alias away, if it names this version."""
        if self.challenger(model) == version:
            self.client.delete_registered_model_alias(model, CHALLENGER)

    def _demand_releasable(self, model: str, version: str, even_if_rolled_back: bool) -> None:
        tags = self.version(model, version).tags
        if ROLLED_BACK in tags and not even_if_rolled_back:
            raise TerminalError(
                f"version {version} was rolled back and does not come back by itself",
                model=model,
                stage="release",
                received=f"rolled back: {tags[ROLLED_BACK]}",
                allowed="versions that were not rolled back",
                next_step=f"to bring it back all the same: airworthy rollback {model} --to-version {version}",
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

    def releasing(self, model: str) -> FileLock:
        """Return the lock under which alias, ledger and server change together."""
        return self._lock(model, "release")

    def _lock(self, model: str, purpose: str) -> FileLock:
        self.environment.locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self.environment.locks / f"{purpose}-{model}.lock")


def open_registry(environment: Environment) -> Registry:
    """Return the environment's registry.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    return Registry(environment, connect(environment))


def _model_id(model_uri: str) -> str:
    """Return the id of a logged model, ``m-...``; a tracking server wants it beside the address."""
    return model_uri.rsplit("/", 1)[-1]
