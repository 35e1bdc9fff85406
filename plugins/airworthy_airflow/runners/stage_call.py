"""A call of a stage: its command line and environment variables in a container. It reads `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airworthy.anchor_settings import ANCHOR_KEY
from airworthy.environment import OVERRIDES, Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.object_store import CREDENTIALS
from airworthy.registry.mlflow_login import LOGIN_VARIABLES
from airworthy.runners import ContainerSettings
from airworthy.server_settings import SERVER_TOKEN
from airworthy.stage_input import VARIABLE, pack

_TERMINAL_EXIT_CODE = 1


@dataclass(frozen=True)
class StageCall:
    """One stage for one task: its name, its input as JSON with the key ``run``, and the environment."""

    task_id: str
    stage: str
    payload: dict[str, Any]
    environment: Environment

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.payload["run"]["model"])

    def command(self, output: str) -> list[str]:
        """Return the stage's command in a container. It writes the stage's output to a file."""
        return [
            "python",
            "-m",
            "airworthy",
            "stage",
            self.stage,
            "--model",
            self.model,
            "--input",
            f"env:{VARIABLE}",
            "--output",
            output,
        ]

    def variables(
        self, settings: ContainerSettings, *, with_secrets: bool = False, private: bool = False
    ) -> dict[str, str]:
        """Return the container's variables. Secrets may be among them.

        They are the environment's name, the variables named in the settings, the stage's input and,
        unless Secrets supply them, the addresses and variables of the environment's file and the
        variables that lead to its object store. The commit is not among them: the code is the
        image's, and the image says its own.

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
        return {**given, VARIABLE: pack(self.payload)}

    def failure(self, exit_code: int, log: Sequence[str]) -> AirworthyError:
        """Return the error of a failed container. Exit code 1 of ``airworthy`` is final; any other may be retried.

        Args:
            exit_code: The container's exit code. 137: it was killed, for example for lack of
                memory.
            log: Its last lines. An error's first line is the message; the lines under it are
                indented.
        """
        message = next(
            (line for line in reversed(log) if line.strip() and not line.startswith(" ")), ""
        )
        message = message.removeprefix(f"{self.model} {self.stage}: ")
        kind = TerminalError if exit_code == _TERMINAL_EXIT_CODE else TransientError
        return kind(
            message or "the container failed without a word",
            model=self.model,
            stage=self.stage,
            received=f"a container that ended with {exit_code}",
        )
