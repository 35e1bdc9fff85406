"""The model that a change is compared with: the champion, else what the base commit trains."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.known_errors import known_errors
from airworthy.object_store import store_errors
from airworthy.registry.mlflow_database import database_file
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.stages.evaluate import ComparedModel, champion_of

Against = Literal["champion", "base"]


@dataclass(frozen=True)
class Opponent:
    """The model to compare with, and in words which one it is and why.

    `transient` says that it could not be trained for a reason that may pass.
    """

    words: str
    compared: ComparedModel | None = None
    transient: bool = False

    def after(self, reason: str | None) -> Opponent:
        """Return the same, with the reason that it is not the champion."""
        return self if reason is None else replace(self, words=f"{self.words} ({reason})")


def find_champion(environment: Environment, model: str, scratch: Path) -> Opponent:
    """Return the champion by the environment's ledger and registry. They are read only.

    Without a champion, or when nothing answers, there is no model: the words say why.

    Args:
        environment: The environment of ledger and registry.
        model: The model.
        scratch: A folder for copies; it is made.

    Raises:
        TerminalError: when the champion's files are not those of the ledger, or the registry
            refuses.
    """
    scratch.mkdir(parents=True)
    reading = environment.model_copy(update={"state": scratch})
    try:
        with (
            known_errors(lambda _: None, model=model),
            mlflow_errors(reading),
            store_errors(reading.lake),
        ):
            champion = champion_of(_without_writes(reading, scratch), model)
    except TransientError as error:
        return Opponent(f"the registry of the environment {environment.name}: {error.problem}")
    except TerminalError as error:
        raise TerminalError(
            f"the champion cannot be read: {error.problem}",
            model=model,
            received=error.received,
            allowed=error.allowed,
            next_step=f"{error.next_step or 'mend it'}; to compare with the base commit instead: "
            "--against base",
        ) from error
    if champion is None:
        return Opponent(f"the environment {environment.name} has no champion")
    words = f"champion version {champion.name} of the environment {environment.name}"
    return Opponent(words, champion)


def train_base(commit: str, train: Callable[[str], ComparedModel]) -> Opponent:
    """Return what the base commit trains.

    Args:
        commit: The base commit.
        train: Trains it, and takes its name.
    """
    name = f"base {commit[:12]}"
    try:
        return Opponent(f"the base commit {commit[:12]}, trained up to the same day", train(name))
    except TransientError as error:
        return Opponent(f"the base commit cannot be trained: {error.problem}", transient=True)
    except TerminalError as error:
        return Opponent(f"no model: the base commit cannot be trained: {error.problem}")


def _without_writes(environment: Environment, scratch: Path) -> Environment:
    """Return an environment whose MLflow database is a copy: opening one may change its tables."""
    uri = environment.tracking_uri
    if not uri.startswith("sqlite:") or not database_file(uri).is_file():
        return environment
    copied = scratch / "mlflow.db"
    with (
        closing(sqlite3.connect(f"file:{database_file(uri)}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copied)) as target,
    ):
        source.backup(target)
    return environment.model_copy(update={"tracking_uri": f"sqlite:///{copied}"})
