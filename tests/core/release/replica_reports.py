"""Reports of model servers, as a server writes them."""

from __future__ import annotations

from typing import Any

from airworthy.traffic.replica_report import LoadCost, LoadedVersion, ModelReport, ReplicaReport

MODEL, DIGEST = "m", "d" * 64


def loaded(version: str, bundle_digest: str = DIGEST, **cost: float) -> LoadedVersion:
    """Return a loaded version, with the cost of loading it."""
    return LoadedVersion(version=version, bundle_digest=bundle_digest, cost=LoadCost(**cost))


def replica_report(name: str, model: ModelReport | None = None, **changes: Any) -> ReplicaReport:
    """Return the report of a ready server.

    Args:
        name: Its name.
        model: Its report of `MODEL`; None: it does not know the model.
        **changes: Further fields.
    """
    fields: dict[str, Any] = {
        "replica": name,
        "server": "production",
        "host": "here",
        "ready": True,
        "lease_seconds": 60.0,
        "models": {MODEL: model} if model else {},
    }
    return ReplicaReport(**(fields | changes))
