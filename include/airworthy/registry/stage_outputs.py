"""The stages' outputs about a version, logged to its MLflow run for a later release."""

from __future__ import annotations

import json
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, Verdict, VersionRef
from airworthy.registry.registry import Registry

_FILE = "delivery.json"


def log_stage_outputs(
    registry: Registry,
    version: VersionRef,
    dataset: DatasetRef,
    challenger: ModelRef,
    verdict: Verdict,
) -> None:
    """Log the inputs of a release. The last verdict on a version replaces an earlier one.

    Args:
        registry: The model registry.
        version: The registered version.
        dataset: Its dataset version.
        challenger: The trained challenger.
        verdict: The outcome of its gates.
    """
    outputs = {"dataset": dataset, "challenger": challenger, "verdict": verdict, "version": version}
    content = {name: output.model_dump(mode="json") for name, output in outputs.items()}
    run_id = registry.version(version.model, version.version).run_id
    registry.client.log_text(run_id, json.dumps(content, indent=1), _FILE)


def read_stage_outputs(registry: Registry, model: str, version: str) -> dict[str, Any]:
    """Return the logged outputs as JSON values, by the names of the stages' inputs.

    Args:
        registry: The model registry.
        model: The model.
        version: The registered version.

    Raises:
        TerminalError: when there is no such version, or nothing was logged for it.
    """
    run_id = registry.version(model, version).run_id
    if _FILE not in {artifact.path for artifact in registry.client.list_artifacts(run_id)}:
        raise TerminalError(
            f"nothing is known of version {version} that it could be released by",
            model=model,
            received=f"MLflow run {run_id} has no {_FILE}",
            allowed="versions that the register stage made",
            next_step=f"airworthy run {model}, with the end of its data as --as-of",
        )
    return dict(json.loads(registry.run_artifact_text(run_id, _FILE)))
