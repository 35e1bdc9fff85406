"""What the stages handed over about a version, kept on its MLflow run: its release can go on later, by anybody."""

from __future__ import annotations

import json
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import DatasetRef, ModelRef, Verdict, VersionRef
from airworthy.registry.registry import Registry

_FILE = "delivery.json"


def keep_delivery(
    registry: Registry,
    version: VersionRef,
    dataset: DatasetRef,
    challenger: ModelRef,
    verdict: Verdict,
) -> None:
    """Keep what a release needs; the last verdict on a version replaces an earlier one."""
    handed = {"dataset": dataset, "challenger": challenger, "verdict": verdict, "version": version}
    content = {name: ref.model_dump(mode="json") for name, ref in handed.items()}
    run_id = registry.version(version.model, version.version).run_id
    registry.client.log_text(run_id, json.dumps(content, indent=1), _FILE)


def read_delivery(registry: Registry, model: str, version: str) -> dict[str, Any]:
    """Return what was kept, by the names that stages know it by.

    Raises:
        TerminalError: when there is no such version, or nothing was kept.
    """
    run_id = registry.version(model, version).run_id
    if _FILE not in {found.path for found in registry.client.list_artifacts(run_id)}:
        raise TerminalError(
            f"nothing is known of version {version} that it could be released by",
            model=model,
            received=f"MLflow run {run_id} has no {_FILE}",
            allowed="versions that the register stage made",
            next_step=f"airworthy run {model}, with the end of its data as --as-of",
        )
    return dict(json.loads(registry.run_text(run_id, _FILE)))
