"""An exported version in another environment's MLflow: a run of its own, with model and evidence.

An MLflow that both environments share has the model's files already. The run names the same logged
model there, as MLflow's own ``copy_model_version`` would, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.registry.registry import Registry
from airworthy.registry.tags import FITTED_DAYS, PROMOTED_FROM, SPAN_LOSSES
from airworthy.registry.training_runs import log_dataset, training_run
from airworthy.registry.version_export import BASELINE_FILE, ExportedVersion, file_digests
from airworthy.registry.version_source import CODE_TAGS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

_NAME = "model"
_EVIDENCE = "promotion"
"""The folder of the run with the files of the training's run in the other environment."""


@contextmanager
def import_run(
    job: Job, exported: ExportedVersion, key: str, origin: str, dataset: DatasetRef
) -> Iterator[RunInfo]:
    """Open an MLflow run with an exported version's parameters, source and evidence; yield its info.

    Args:
        job: The run of the promotion.
        exported: The exported version.
        key: The idempotency key of its training.
        origin: The value of the tag `PROMOTED_FROM`.
        dataset: The dataset version, in the job's lake.

    Raises:
        TransientError: when another try of this promotion has taken over meanwhile.
    """
    import mlflow

    with training_run(job, key, _tags(exported.tags, origin)) as info:
        log_dataset(dataset)
        mlflow.log_params(dict(exported.parameters))
        mlflow.log_artifacts(str(exported.run_folder), _EVIDENCE)
        mlflow.log_artifact(str(exported.run_folder / BASELINE_FILE))
        if any(exported.source_folder.iterdir()):
            mlflow.log_artifacts(str(exported.source_folder), "source")
        yield info


def import_model(registry: Registry, exported: ExportedVersion, info: RunInfo) -> str:
    """Log an exported version's model to a run, read it back, and return its URI.

    Args:
        registry: The registry.
        exported: The exported version.
        info: The MLflow run.

    Raises:
        TerminalError: when the files that were read back are others.
    """
    model_id = exported.model_id
    if not _has_model(registry.client, model_id):
        model_id = _log_model(registry.client, exported, info)
    _link(registry.client, info.run_id, model_id)
    model_uri = f"models:/{model_id}"
    _require_same_files(exported, registry.download(model_uri, ""))
    return model_uri


def _tags(tags: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the run's tags that say what made the version, and where it is from."""
    names = (*CODE_TAGS, FITTED_DAYS, SPAN_LOSSES)
    return {name: tags[name] for name in names if name in tags} | {PROMOTED_FROM: origin}


def _log_model(client: MlflowClient, exported: ExportedVersion, info: RunInfo) -> str:
    logged = client.create_logged_model(
        info.experiment_id,
        name=_NAME,
        source_run_id=info.run_id,
        params=dict(exported.model_parameters),
    )
    client.log_model_artifacts(logged.model_id, str(exported.model_folder))
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)


def _has_model(client: MlflowClient, model_id: str) -> bool:
    """Return whether MLflow has a logged model. Ids are random, so no other one has this id."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _link(client: MlflowClient, run_id: str, model_id: str) -> None:
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


def _require_same_files(exported: ExportedVersion, folder: Path) -> None:
    found = file_digests(folder)
    if found == exported.files:
        return
    names = sorted(set(found.items()) ^ set(exported.files.items()))
    raise TerminalError(
        "the model's files are others after they were written",
        model=exported.model,
        received=", ".join(dict(names)),
        allowed="the files that were read",
        next_step="check the artifact store, then promote it again",
    )
