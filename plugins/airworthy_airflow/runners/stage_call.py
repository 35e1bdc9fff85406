"""A call of a stage: its command line and environment variables in a container. It reads `os.environ`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airworthy.anchor_settings import ANCHOR_KEY
from airworthy.environment import OVERRIDES, Environment, packed_environment
from airworthy.environment_file import CONTENT
from airworthy.object_store import CREDENTIALS
from airworthy.registry.mlflow_login import LOGIN_VARIABLES
from airworthy.runners import ContainerSettings
from airworthy.server_settings import SERVER_TOKEN
from airworthy.stage_input import VARIABLE, pack, portable
from airworthy.working_tree.folder_digest import DIGEST_VARIABLE, folder_digest

_OPEN = {"AIRWORTHY_ENV", "AIRWORTHY_STATE", "AIRWORTHY_PROJECT", "HOME"}
_OPEN |= {VARIABLE, CONTENT, DIGEST_VARIABLE, "AWS_ALLOW_HTTP", "AWS_REGION"}
"""Variables whose values are never secret."""


@dataclass(frozen=True)
class StageCall:
    """One stage for one task: its name, its input as JSON with the key ``run``, and the environment.

    With `may_defer`, the task may wait for the stage in Airflow's triggerer.
    """

    task_id: str
    stage: str
    payload: dict[str, Any]
    environment: Environment
    may_defer: bool = False

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.payload["run"]["model"])

    def command(self, output: str, error: str | None = None) -> list[str]:
        """Return the stage's command in a container. An error is one line of JSON.

        Args:
            output: The place of the stage's output: a file, or ``handover:NAME``.
            error: A file for an error, besides standard error.
        """
        command = ["python", "-m", "airworthy", "stage", self.stage, "--model", self.model]
        command += ["--input", f"env:{VARIABLE}", "--output", output, "--json"]
        return command if error is None else [*command, "--error", error]

    def variables(
        self, settings: ContainerSettings, *, with_secrets: bool = False, private: bool = False
    ) -> dict[str, str]:
        """Return the container's variables. Secrets may be among them.

        They are the environment's name and file, the variables named in the settings, those with
        values in the settings, the stage's input, the digest of the model's folder and, unless
        Secrets supply them, the addresses and variables of the environment's file and the variables
        that lead to its object store. The commit is not among them: the code is the image's, and
        the image says its own.

        Args:
            settings: The runner's settings.
            with_secrets: Whether Secrets supply addresses and secret values.
            private: Whether only the container sees the values. Otherwise the object store's
                credentials are not among them, unless the settings name them.

        Raises:
            TerminalError: when the input is too long for a variable.
        """
        names = {"AIRWORTHY_ENV", *settings.variables}
        if not with_secrets:
            stored = set(self.environment.store_variables)
            stored -= set() if private else set(CREDENTIALS)
            names |= {*OVERRIDES.values(), SERVER_TOKEN, ANCHOR_KEY, *LOGIN_VARIABLES}
            names |= {*self.environment.variables, *stored}
        given = {name: os.environ[name] for name in sorted(names) if name in os.environ}
        return {**given, **settings.environment, **self._of_stage}

    @property
    def input_digest(self) -> str:
        """The SHA-256 over all that a container is given to work on: stage, input, model, settings."""
        parts = json.dumps([self.stage, self._portable_input, self._of_stage], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def _of_stage(self) -> dict[str, str]:
        return {
            VARIABLE: pack(self._portable_input),
            CONTENT: packed_environment(self.environment),
            DIGEST_VARIABLE: folder_digest(self.environment.models / self.model),
        }

    @property
    def _portable_input(self) -> dict[str, Any]:
        given: dict[str, Any] = portable(self.payload, self.environment.places)
        return given


def secret_values(variables: Mapping[str, str]) -> set[str]:
    """Return the values of variables that no log may show.

    An address is shown unless it has a login. Of all others, only those known to be harmless are.
    """
    found: set[str] = set()
    for name, value in variables.items():
        if "://" in value:
            found |= _of_address(value)
        elif name not in _OPEN:
            found.add(value)
    return found


def _of_address(address: str) -> set[str]:
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return {address}
    if "@" not in parts.netloc and not parts.query:
        return set()
    return {address, *([password] if password else [])}
