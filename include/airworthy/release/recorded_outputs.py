"""The outputs of stages that MLflow keeps for a later release, held against the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airworthy.errors import TerminalError
from airworthy.handover import Verdict, VersionRef
from airworthy.ledger import Entry
from airworthy.ledger.events import VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.registered_versions import require_registered


def require_recorded_outputs(entries: Sequence[Entry], payload: Mapping[str, Any]) -> None:
    """Check that the ledger has the verdict and the registration that a release rests on.

    Args:
        entries: The model's ledger, oldest first.
        payload: The stages' outputs as read from MLflow, with ``verdict`` and ``version``.

    Raises:
        TerminalError: when the ledger has another verdict, other files, or none.
    """
    verdict = Verdict.model_validate(payload["verdict"])
    version = VersionRef.model_validate(payload["version"])
    require_registered(entries, version.model, version.version, version.bundle_digest)
    recorded = [
        entry.event.outcome
        for entry in of_kind(entries, VerdictReached)
        if entry.event.mlflow_run_id == verdict.mlflow_run_id
        and entry.event.champion == verdict.champion_version
    ]
    if verdict.outcome not in recorded:
        raise TerminalError(
            f"the ledger does not have the verdict on version {version.version} that MLflow keeps",
            model=version.model,
            stage="release",
            received=f"{verdict.outcome}, against champion {verdict.champion_version}, in MLflow",
            allowed=", ".join(sorted(set(recorded))) or "a verdict in the ledger",
            next_step=f"airworthy ledger {version.model}; airworthy run {version.model} makes a "
            "new verdict",
        )
