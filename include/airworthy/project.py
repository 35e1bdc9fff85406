"""The project's folder: ``include/models`` and ``include/environments`` are in it.

``AIRWORTHY_PROJECT`` names it. Without this variable it is the checkout that this module lies in. An installed package
lies in no checkout: then it is the current folder, or the nearest one above it, that has one of the two folders.
"""

from __future__ import annotations

import os
from pathlib import Path

from airworthy.errors import TerminalError

VARIABLE = "AIRWORTHY_PROJECT"
ENVIRONMENTS = Path("include", "environments")
MODELS = Path("include", "models")


class NoProjectError(TerminalError):
    """No project was found; nothing was read or written."""

    consequence = ""


def project_folder() -> Path:
    """Return the project's folder.

    Raises:
        NoProjectError: when ``AIRWORTHY_PROJECT`` names no folder, or no folder is a project.
    """
    found = find_project()
    if found is None:
        raise NoProjectError(
            "there is no project here",
            received=f"{Path.cwd()}: neither this folder nor one above it is a project",
            allowed=f"a folder with {ENVIRONMENTS} or {MODELS} in it",
            next_step=f"cd to the project, export {VARIABLE}=..., or start one here: airworthy new-model NAME",
        )
    return found


def find_project() -> Path | None:
    """Return the project's folder; None when no folder is a project.

    Raises:
        NoProjectError: when ``AIRWORTHY_PROJECT`` names no folder.
    """
    return _named() or _checkout() or _around(Path.cwd())


def _named() -> Path | None:
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if not Path(name).is_dir():
        raise NoProjectError(
            "there is no such project",
            received=f"{VARIABLE}={name}",
            allowed="a folder that exists",
            next_step=f"export {VARIABLE}=... with the project's folder, or make {name}",
        )
    return Path(name)


def _checkout() -> Path | None:
    above = Path(__file__).resolve().parents[2]
    return above if (above / ENVIRONMENTS).is_dir() else None


def _around(folder: Path) -> Path | None:
    marks = (ENVIRONMENTS, MODELS)
    return next(
        (
            each
            for each in (folder, *folder.parents)
            if any((each / mark).is_dir() for mark in marks)
        ),
        None,
    )
