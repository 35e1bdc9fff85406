"""A registered version as files of this machine: its model, and the files of its training's run.

The model's files are read once and verified. What is imported elsewhere are these very bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airworthy.bundle import BundleFiles
from airworthy.errors import TerminalError
from airworthy.registry.model_files import logged_model_id
from airworthy.registry.registry import BUNDLE_ARTIFACT, Registry
from airworthy.registry.run_files import MONITORING_FILES
from airworthy.registry.stage_outputs import read_stage_outputs
from airworthy.registry.version_source import copy_kept_source

VALIDATION_FILE, BASELINE_FILE = "validation.json", "baseline.json"
_MODEL, _RUN, _SOURCE = "model", "run", "source"


@dataclass(frozen=True)
class ExportedVersion:
    """A version's files, and what MLflow says of it.

    Attributes:
        model: The model.
        version: The version.
        folder: The folder of the files.
        model_id: MLflow's id of the logged model.
        bundle_digest: The digest of the bundle's files. They were verified.
        tags: The version's tags.
        parameters: The training's parameters.
        model_parameters: The logged model's parameters.
        outputs: The outputs of the stages, by the names of stages' inputs.
        files: Path below the model's folder -> SHA-256 of the file.
    """

    model: str
    version: str
    folder: Path
    model_id: str
    bundle_digest: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    model_parameters: Mapping[str, str]
    outputs: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def model_folder(self) -> Path:
        """The folder of the logged model."""
        return self.folder / _MODEL

    @property
    def run_folder(self) -> Path:
        """The folder of the run's files, without monitor windows and without the source."""
        return self.folder / _RUN

    @property
    def source_folder(self) -> Path:
        """The folder of the kept source. It is empty for a version of an early release."""
        return self.folder / _SOURCE


def export_version(
    registry: Registry, model: str, version: str, digest: str, folder: Path
) -> ExportedVersion:
    """Copy a version's files into a folder, and verify them.

    Args:
        registry: The registry.
        model: The model.
        version: The version.
        digest: The digest of its bundle by the ledger.
        folder: An empty folder that nobody else can write to.

    Raises:
        TerminalError: when its files are others than the ledger's, or its stages left no outputs.
    """
    outputs = read_stage_outputs(registry, model, version)
    registered = registry.version(model, version)
    run_id = outputs["challenger"]["mlflow_run_id"]
    exported = ExportedVersion(
        model=model,
        version=version,
        folder=folder,
        model_id=logged_model_id(str(registered.source)),
        bundle_digest=digest,
        tags=dict(registered.tags),
        parameters=dict(registry.client.get_run(run_id).data.params),
        model_parameters=_model_parameters(registry, str(registered.source)),
        outputs=outputs,
        files=_download_model(str(registered.source), folder / _MODEL, digest),
    )
    _download_run(registry, run_id, exported.run_folder)
    exported.source_folder.mkdir()
    copy_kept_source(registry.client, registered, exported.source_folder)
    for name in (VALIDATION_FILE, BASELINE_FILE):
        if not (exported.run_folder / name).is_file():
            raise _incomplete(exported, run_id, name)
    return exported


def file_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _download_model(source: str, target: Path, digest: str) -> dict[str, str]:
    """Download a logged model into a new folder; return the digests of its files."""
    import mlflow

    target.mkdir()
    downloaded = Path(
        mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(target))
    )
    if downloaded.resolve() != target.resolve():
        for path in downloaded.iterdir():
            path.rename(target / path.name)
        downloaded.rmdir()
    BundleFiles.read(target / BUNDLE_ARTIFACT).require_digest(digest)
    return file_digests(target)


def _download_run(registry: Registry, run_id: str, target: Path) -> None:
    target.mkdir()
    for artifact in registry.client.list_artifacts(run_id):
        if artifact.path not in (MONITORING_FILES, _SOURCE):
            registry.client.download_artifacts(run_id, artifact.path, str(target))


def _model_parameters(registry: Registry, source: str) -> dict[str, str]:
    logged = registry.client.get_logged_model(logged_model_id(source))
    return dict(logged.params or {})


def _incomplete(exported: ExportedVersion, run_id: str, name: str) -> TerminalError:
    return TerminalError(
        f"the evidence of version {exported.version} is not complete",
        model=exported.model,
        received=f"MLflow run {run_id} has no {name}",
        allowed="a version that the register stage made",
        next_step=f"airworthy run {exported.model}, with the end of its data as --as-of",
    )
