"""The key of a training: its data, code and parameters. The same key is the same training."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from importlib.metadata import version
from typing import Any

from airworthy.bundle import file_digest
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.spec.contract import contract_of


def code_digest(job: Job) -> str:
    """Return the SHA-256 over the code of a training.

    These are features, behaviour, library versions, and the spec's parts for model and verdict. The
    contract is one of them: it is a part of the bundle.
    """
    parts: dict[str, Any] = {
        "spec": {
            name: value
            for name, value in job.spec.digest_form().items()
            if name in ("model", "task", "ingest", "train", "evaluate")
        },
        "contract": contract_of(job.spec).model_dump(mode="json"),
        **{library: version(library) for library in ("polars", "xgboost")},
    }
    parts["spec"]["ingest"].pop("source")
    for name in ("features.py", "behaviour.py"):
        path = job.folder / name
        parts[name] = file_digest(path) if path.is_file() else None
    return _digest(parts)


def idempotency_key(job: Job, dataset: DatasetRef) -> str:
    """Return the key of a registered version: the same key is the same version.

    The window is part of it. Days without rows at its ends change no content, but move the cuts in
    time.
    """
    window = [
        moment.astimezone(UTC).isoformat() for moment in (dataset.window.start, dataset.window.end)
    ]
    data = {"digest": dataset.digest, "window": window}
    return _digest({"data": data, "code": code_digest(job), "parameters": job.run.parameters})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
