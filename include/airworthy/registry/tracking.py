"""Connects to MLflow: tracking and registry addresses, and one experiment per model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from airworthy.answer_limit import within_limit
from airworthy.environment import Environment
from airworthy.errors import TransientError
from airworthy.loopback import keep_loopback_direct
from airworthy.registry.contact import require_answer
from airworthy.registry.mlflow_database import (
    database_file,
    ensure_database,
    follow_moved_artifacts,
)
from airworthy.registry.mlflow_errors import without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow sends usage statistics by default.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Standard output is for the output of a stage.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING", "false")
# A server that falls silent is given up within 15 s. By default it would take 16 minutes, and four
# minutes when it is down. A lost connection is made once more.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


def connect(environment: Environment) -> MlflowClient:
    """Configure MLflow's fluent functions for the environment; return a client for it.

    Raises:
        TransientError: when the tracking server or its database cannot be reached.
    """
    import logging

    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    # It logs a traceback of each error that it raises, such as that of a full disk.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(environment.tracking_uri)
    mlflow.set_registry_uri(environment.tracking_uri)
    if environment.tracking_uri.startswith(("http:", "https:")):
        keep_loopback_direct()
        require_answer(environment.tracking_uri)
    is_sqlite = environment.tracking_uri.startswith("sqlite:")
    if is_sqlite:
        _prepare_database(environment)
    client = _client(environment.tracking_uri)
    if is_sqlite:
        _migrate_tables(environment.tracking_uri, client)
    return client


def _client(uri: str) -> MlflowClient:
    """Return a client. For a database's address, it connects at once."""
    import mlflow

    if uri.startswith(("sqlite:", "http:", "https:")):
        return mlflow.MlflowClient(uri, uri)
    return within_limit(
        lambda: mlflow.MlflowClient(uri, uri), "MLflow's database", without_secrets(uri)
    )


def _prepare_database(environment: Environment) -> None:
    """Make the SQLite tables, if they are missing, and find artifacts of a moved state folder.

    The lock is beside the file: environments with a state folder each may share the file.
    """
    database = database_file(environment.tracking_uri)
    if database.is_file() and not os.access(database.parent, os.W_OK):
        return  # Versions in a read-only folder can be looked at. Nobody can migrate them there.
    ensure_database(environment.tracking_uri, environment.artifacts)
    if "://" not in environment.artifacts:
        follow_moved_artifacts(environment.tracking_uri, environment.artifacts)


def _migrate_tables(uri: str, client: MlflowClient) -> None:
    """Let MLflow bring an older database up to date, under the lock: its first call does it."""
    database = database_file(uri)
    if os.access(database.parent, os.W_OK):
        with FileLock(f"{database}.lock"):
            client.get_experiment_by_name("Default")


def experiment_id(environment: Environment, client: MlflowClient, model: str) -> str:
    """Return the id of the model's experiment; create it when it is missing.

    Args:
        environment: Gives the tracking address and the location of artifacts.
        client: A client for it.
        model: The model; its experiment has the same name.

    Raises:
        TransientError: when MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(model)
    if experiment is None:
        location = artifact_location(environment, model)
        try:
            return str(client.create_experiment(model, artifact_location=location))
        except MlflowException as error:
            # Another run may have created it meanwhile. If it is still missing, the connection
            # failed.
            experiment = client.get_experiment_by_name(model)
            if experiment is None:
                raise TransientError(
                    f"the MLflow experiment cannot be made: {error.message}",
                    model=model,
                    received=without_secrets(environment.tracking_uri),
                    next_step="check that MLflow is up, then retry",
                ) from error
    return str(experiment.experiment_id)


def artifact_location(environment: Environment, model: str) -> str | None:
    """Return the location of a model's artifacts; None: the tracking server decides.

    Without a server, at a database's address, MLflow would take the current folder.
    """
    if environment.tracking_uri.startswith(("http://", "https://")):
        return None
    if "://" in environment.artifacts:
        return f"{environment.artifacts}/{model}"
    return (Path(environment.artifacts) / model).as_uri()
