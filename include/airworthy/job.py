"""A job, the context of every stage: the model's spec, the environment, the run's request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from os import environ
from pathlib import Path

from airworthy.environment import Environment, load_environment
from airworthy.evidence import Evidence
from airworthy.handover import RunRequest, Window
from airworthy.spec import ModelSpec, load_spec
from airworthy.working_tree import UNKNOWN, WorkingTree, commit_of, read_working_tree

_LOCK = "requirements.txt"


@dataclass(frozen=True)
class Job:
    """One run of one model in one environment."""

    spec: ModelSpec
    environment: Environment
    run: RunRequest

    @property
    def folder(self) -> Path:
        """The model's own folder: ``model.yaml``, ``features.py``, ``behaviour.py``."""
        return self.environment.models / self.spec.model

    @property
    def window(self) -> Window:
        """``[as_of - lookback, as_of)``."""
        return Window.ending(self.run.as_of, self.spec.train.lookback)

    @property
    def evidence(self) -> Evidence:
        """The run's files for people and auditors."""
        root = self.environment.beside_lake(self.spec.model, "evidence")
        return Evidence(root, self.run.folder_name)


def open_job(run: RunRequest) -> Job:
    """Load the spec and the environment of a requested run.

    Raises:
        SpecError: when the model's spec is missing or broken.
    """
    environment = load_environment()
    return Job(load_spec(environment.models / run.model / "model.yaml"), environment, run)


def working_tree(job: Job) -> WorkingTree:
    """Return the current state of the code that the job runs: commit, uncommitted files, diff."""
    return read_working_tree(job.environment.project, job.folder)


def git_commit(project: Path) -> str:
    """Return the git commit, from ``AIRWORTHY_GIT_COMMIT`` or git; ``unknown`` without either.

    An image has the variable.
    """
    return environ.get("AIRWORTHY_GIT_COMMIT") or _commit_of(project)


@lru_cache(maxsize=4)
def _commit_of(project: Path) -> str:
    return commit_of(project)


def lock_digest(project: Path) -> str:
    """Return the SHA-256 of the lock of the installed libraries; ``unknown`` without a lock.

    An image has it in ``AIRWORTHY_LOCK_DIGEST``. A checkout has ``requirements.txt``.
    """
    return environ.get("AIRWORTHY_LOCK_DIGEST") or _digest_of_lock(project)


@lru_cache(maxsize=4)
def _digest_of_lock(project: Path) -> str:
    lock = project / _LOCK
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else UNKNOWN
