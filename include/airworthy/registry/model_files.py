"""The files of logged models: local, or downloaded once into the state folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from airworthy.environment import Environment


def logged_model_id(model_uri: str) -> str:
    """Return the id of a logged model; a tracking server needs it too.

    >>> logged_model_id("models:/m-1f0c")
    'm-1f0c'
    """
    return model_uri.rsplit("/", 1)[-1]


def download_model(environment: Environment, model_uri: str) -> Path:
    """Return the local folder of a logged model; download a remote one once."""
    import mlflow

    if environment.tracking_uri.startswith("sqlite:") and "://" not in environment.artifacts:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri))
    folder = environment.state / "models" / logged_model_id(model_uri)
    if not folder.is_dir():
        # The rename is atomic: another process may download the same model at this moment.
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
            downloaded = mlflow.artifacts.download_artifacts(
                artifact_uri=model_uri, dst_path=partial
            )
            try:
                Path(downloaded).rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return folder
