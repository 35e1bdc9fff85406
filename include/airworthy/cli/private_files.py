"""Files of an environment whose lake is in its own state folder are their owner's alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from airworthy.errors import AirworthyError

_UMASK = 0o077
# They write files for people, or for the caller of a container.
_FOR_OTHERS = {"new-model", "predict", "stage"}
_HELP = {"-h", "--help"}


def close_new_files(arguments: Sequence[str]) -> None:
    """Let new files of this process be readable by their owner only, whatever the umask.

    A lake on a shared disk keeps the umask: there, the rights of a group are its owner's choice.

    Args:
        arguments: The command and its arguments.
    """
    if not arguments or _HELP.intersection(arguments) or arguments[0] in _FOR_OTHERS:
        return
    if _lake_is_in_state():
        os.umask(_UMASK)


def _lake_is_in_state() -> bool:
    from airworthy.environment import load_environment
    from airworthy.object_store import local_folder

    try:
        environment = load_environment()
    except AirworthyError:
        return False  # the command itself says what is wrong
    lake = local_folder(environment.lake)
    return lake is not None and Path(lake).is_relative_to(environment.state)
