"""The source of a version: the files and the code that made it, kept with its MLflow run.

``source/`` of the run has the model's ``model.yaml``, ``features.py``, ``behaviour.py`` and
``tests.yaml``, byte by byte but for secrets, which are masked, and ``diff.patch``, the whole diff of a dirty tree.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.masking import without_source_secrets
from airworthy.registry.tags import (
    DIRTY_FILES,
    GIT_COMMIT,
    LOCK_DIGEST,
    SOURCE_COMMIT,
    SOURCE_DIFF,
    SOURCE_DIRTY,
    SOURCE_RUN,
)
from airworthy.working_tree import SOURCE_FILES, UNKNOWN, WorkingTree, cut_text

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SPEC_FILE, FEATURES_FILE, BEHAVIOUR_FILE = SOURCE_FILES[:3]
DIFF_FILE = "diff.patch"
CODE_TAGS = (GIT_COMMIT, LOCK_DIGEST, SOURCE_COMMIT, SOURCE_DIRTY, SOURCE_DIFF, DIRTY_FILES)
"""The tags of the code, in `code_tags`. Those of a dirty tree are last."""
_FOLDER = "source"
_TAG_LENGTH = 8000  # MLflow allows no more in a run's tag
_FILES_LENGTH = 4000


def code_tags(tree: WorkingTree, lock_digest: str) -> dict[str, str]:
    """Return the tags of the code of a training.

    Args:
        tree: The working tree.
        lock_digest: SHA-256 of the lock of the libraries.
    """
    tags = {
        GIT_COMMIT: tree.commit,
        LOCK_DIGEST: lock_digest,
        SOURCE_COMMIT: tree.commit,
        SOURCE_DIRTY: UNKNOWN if tree.dirty is None else str(tree.dirty).lower(),
    }
    if tree.changes:
        tags[DIRTY_FILES] = cut_text("\n".join(tree.changes), _FILES_LENGTH)
    if tree.diff:
        tags[SOURCE_DIFF] = cut_text(without_source_secrets(tree.diff), _TAG_LENGTH)
    return tags


def copy_source(model_folder: Path, target: Path, tree: WorkingTree) -> None:
    """Copy the files that make a version into a new folder, and the diff of its tree.

    Args:
        model_folder: The model's folder.
        target: The folder to make.
        tree: The working tree.
    """
    target.mkdir()
    for name in SOURCE_FILES:
        if (model_folder / name).is_file():
            shutil.copyfile(model_folder / name, target / name)
    if tree.diff:
        (target / DIFF_FILE).write_text(tree.diff, encoding="utf-8")


def log_source(folder: Path) -> None:
    """Log a folder made by `copy_source` to the active MLflow run, with the secrets masked."""
    import mlflow

    with tempfile.TemporaryDirectory() as shown:
        for path in folder.iterdir():
            text = path.read_bytes().decode(errors="surrogateescape")
            content = without_source_secrets(text).encode(errors="surrogateescape")
            (Path(shown) / path.name).write_bytes(content)
        mlflow.log_artifacts(shown, _FOLDER)


def source_files(client: MlflowClient, version: ModelVersion) -> list[str]:
    """Return the names of the kept files of a version; none for one of an earlier release."""
    listed = client.list_artifacts(_source_run(version), _FOLDER)
    return sorted(Path(item.path).name for item in listed if not item.is_dir)


def read_source(version: ModelVersion, name: str) -> bytes:
    """Return the content of a kept file of a version.

    Args:
        version: The version.
        name: One of `source_files`.
    """
    import mlflow

    uri = f"runs:/{_source_run(version)}/{_FOLDER}/{name}"
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
        return Path(path).read_bytes()


def copy_kept_source(client: MlflowClient, version: ModelVersion, folder: Path) -> None:
    """Copy the kept files of a version into a folder; none of an earlier release's version.

    Args:
        client: A client of the registry.
        version: The version.
        folder: The folder.
    """
    for name in source_files(client, version):
        (folder / name).write_bytes(read_source(version, name))


def take_clean_source(
    client: MlflowClient, version: ModelVersion, run_id: str, tags: Mapping[str, str]
) -> bool:
    """Let a version name the clean tree that made its files again; return whether it does now.

    The version was made from a dirty tree, or from one that nobody knows. The same files were made
    again after everything was committed: the commit is evidence from now on.

    Args:
        client: A client of the registry.
        version: The registered version.
        run_id: The MLflow run of the training that made its files again.
        tags: The tags of that training.
    """
    if version.tags.get(SOURCE_DIRTY) == "false" or tags.get(SOURCE_DIRTY) != "false":
        return False
    number = str(version.version)
    for name in CODE_TAGS:
        if name in tags:
            client.set_model_version_tag(version.name, number, name, tags[name])
        elif name in version.tags:
            client.delete_model_version_tag(version.name, number, name)
    client.set_model_version_tag(version.name, number, SOURCE_RUN, run_id)
    return True


def _source_run(version: ModelVersion) -> str:
    return str(version.tags.get(SOURCE_RUN) or version.run_id)
