"""A model's spec and the ledger's position: what its summary and history are made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.spec.loading import SPEC_FILE, is_broken_link, load_spec

if TYPE_CHECKING:
    from airworthy.spec import ModelSpec

FORMAT = 1
"""Raise it with each change of what a summary or a history says: kept ones count no more."""


@dataclass(frozen=True)
class ReadSpec:
    """A model's spec, or its faults in words; neither: the model has none."""

    spec: ModelSpec | None = None
    faults: str | None = None


def read_spec(environment: Environment, model: str) -> ReadSpec:
    """Return a model's spec. A fault is no error: it is told."""
    path = environment.models / model / SPEC_FILE
    try:
        if path.exists() or is_broken_link(path.parent):
            return ReadSpec(spec=load_spec(path))
    except (AirworthyError, OSError) as error:
        problem = error.problem if isinstance(error, AirworthyError) else str(error)
        return ReadSpec(faults=problem.splitlines()[0])
    return ReadSpec()


def sources_key(environment: Environment, model: str) -> str:
    """Return a digest of all that a model's summary depends on, but its ledger."""
    content = [
        FORMAT,
        _program(),
        model,
        environment.lake,
        str(environment.models),
        environment.release.model_dump(mode="json"),
        _digest(environment.models / model / SPEC_FILE),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return type(error).__name__


@lru_cache(maxsize=1)
def _program() -> str:
    try:
        return version("airworthy")
    except PackageNotFoundError:
        return "a checkout"
