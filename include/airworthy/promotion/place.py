"""An environment with the variables that lead to it. One process works in two of them in turn.

Environment files name variables, such as ``${AIRWORTHY_LAKE}``, and libraries read credentials from
variables. So two environments need two sets of them. A set is in a file of lines ``NAME=value``. While
the process works in an environment with a file, it has only the variables of this file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.object_store import endpoint, local_folder

_NAME = "AIRWORTHY_ENV"
_OF_ENVIRONMENTS = ("AIRWORTHY_", "AWS_", "MLFLOW_S3_", "MLFLOW_TRACKING_")
_OF_THIS_MACHINE = frozenset(
    {
        "AIRWORTHY_DOWNLOADS",
        "AIRWORTHY_GIT_COMMIT",
        "AIRWORTHY_LOCK_DIGEST",
        "AIRWORTHY_MODELS",
        "AIRWORTHY_PROJECT",
        "AIRWORTHY_STATE",
    }
)


@dataclass(frozen=True)
class Place:
    """An environment and its variables.

    Attributes:
        name: The environment.
        variables: Its variables; None: those of the process.
    """

    name: str
    variables: Mapping[str, str] | None = None

    @contextmanager
    def entered(self) -> Iterator[Environment]:
        """Run the block in this environment. The process has its variables, and only in the block.

        Raises:
            TerminalError: when there is no such environment, or a variable of it is not set.
        """
        before = dict(os.environ)
        try:
            _replace_variables(self._variables(before))
            _forget_clients()
            yield load_environment()
        finally:
            _replace_variables(before)
            _forget_clients()

    def _variables(self, before: Mapping[str, str]) -> dict[str, str]:
        if self.variables is None:
            return {**before, _NAME: self.name}
        kept = {name: value for name, value in before.items() if not _is_of_environment(name)}
        return {**kept, **self.variables, _NAME: self.name}


def read_place(name: str, file: Path | None) -> Place:
    """Return an environment with the variables of a file.

    Args:
        name: The environment.
        file: Lines ``NAME=value``; None: the process's variables lead to it.

    Raises:
        TerminalError: when the file cannot be read, or has a line without a value.
    """
    if file is None:
        return Place(name)
    from io import StringIO

    from dotenv import dotenv_values

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, str(error)) from None
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    if nameless := sorted(name for name, value in values.items() if value is None):
        raise _unreadable(file, f"no value for {', '.join(nameless)}")
    if not values:
        raise _unreadable(file, "no line NAME=value")
    return Place(name, {name: str(value) for name, value in values.items()})


def require_two(source: Place, target: Place) -> None:
    """Check that two places are two environments with a lake and a ledger each.

    Args:
        source: The one.
        target: The other.

    Raises:
        TerminalError: when they are one, or one of them cannot be loaded.
    """
    if source.name == target.name:
        raise TerminalError(
            "a version is promoted from one environment to another",
            received=f"{source.name}, twice",
            allowed="two names of files in include/environments",
            next_step="name the environment that it is from with --from",
        )
    with target.entered() as environment:
        lake, address = environment.lake, _address(environment.lake)
    with source.entered() as environment:
        if _address(environment.lake) != address:
            return
    raise TerminalError(
        f"{source.name} and {target.name} have the same lake and ledger",
        received=lake,
        allowed="two environments with a lake each",
        next_step="name the variables of each: --from-variables FILE, --to-variables FILE",
    )


def _address(lake: str) -> str:
    """Return one address for all names of a folder. Two stores may have buckets of one name."""
    folder = local_folder(lake)
    return str(folder.resolve()) if folder is not None else f"{endpoint()} {lake.rstrip('/')}"


def _unreadable(file: Path, problem: str) -> TerminalError:
    return TerminalError(
        f"the variables in {file} cannot be read",
        received=problem,
        allowed="lines NAME=value, such as AIRWORTHY_LAKE=s3://bucket/lake",
        next_step=f"edit {file}",
    )


def _is_of_environment(name: str) -> bool:
    return name.startswith(_OF_ENVIRONMENTS) and name not in _OF_THIS_MACHINE


def _forget_clients() -> None:
    """Let boto3 and MLflow read the variables again: they keep the credentials that they read first."""
    boto3 = sys.modules.get("boto3")
    if boto3 is not None:
        boto3.setup_default_session()
    repository = sys.modules.get("mlflow.store.artifact.s3_artifact_repo")
    if repository is not None:
        repository._cached_get_s3_client.cache_clear()


def _replace_variables(wanted: Mapping[str, str]) -> None:
    """Give the process these variables. Those that stay are not touched: threads may read them."""
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
