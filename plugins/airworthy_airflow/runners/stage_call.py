"""A call of a stage, and what a container needs for it: command line and environment variables. Pure but for `os`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airworthy.environment import OVERRIDES, Environment
from airworthy.errors import AirworthyError, TerminalError, TransientError
from airworthy.job import git_commit
from airworthy.runners import ContainerSettings
from airworthy.stage_input import VARIABLE, pack

_NO_USE_TRYING_AGAIN = 1


@dataclass(frozen=True)
class StageCall:
    """One stage for one task: its name, its input as JSON with the key ``run``, and the environment that it is for."""

    task_id: str
    stage: str
    payload: dict[str, Any]
    environment: Environment

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.payload["run"]["model"])

    def command(self, output: str) -> list[str]:
        """Return the command that runs the stage in a container and leaves its result in a file."""
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

    def variables(self, settings: ContainerSettings, *, kept: bool = False) -> dict[str, str]:
        """Return the variables that the container gets: secrets may be among them.

        The environment's name, the variables that the settings name, the git commit (there is no checkout in an image)
        and the stage's input; the addresses and what else the environment's file names, unless they are `kept` back.

        Args:
            settings: Of the place.
            kept: Whether the container gets addresses and secrets another way.

        Raises:
            TerminalError: when the input is too long for a variable.
        """
        names = {"AIRWORTHY_ENV", *settings.variables}
        if not kept:
            names |= {*OVERRIDES.values(), *self.environment.variables}
        given = {name: os.environ[name] for name in sorted(names) if name in os.environ}
        commit = git_commit(self.environment.project)
        return {**given, "AIRWORTHY_GIT_COMMIT": commit, VARIABLE: pack(self.payload)}

    def failure(self, exit_code: int, log: Sequence[str]) -> AirworthyError:
        """Return what the exit code of ``airworthy`` says: 1, trying again cannot help; all else, it may.

        Args:
            exit_code: Of the container; 137 is one that was killed, as for want of memory.
            log: Its last lines; an error's first line has the words, those under it are indented.
        """
        said = next(
            (line for line in reversed(log) if line.strip() and not line.startswith(" ")), ""
        )
        said = said.removeprefix(f"{self.model} {self.stage}: ")
        kind = TerminalError if exit_code == _NO_USE_TRYING_AGAIN else TransientError
        return kind(
            said or "the container failed without a word",
            model=self.model,
            stage=self.stage,
            received=f"a container that ended with {exit_code}",
        )
