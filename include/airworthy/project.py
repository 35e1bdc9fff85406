"""The project's folder, with ``include/models`` and ``include/environments`` in it.

``AIRWORTHY_PROJECT`` names it. Without this variable it is the checkout of this module. An
installed package has no checkout: then it is the nearest folder with one of these two folders, from
the current folder upwards.
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
    project = find_project()
    if project is None:
        raise NoProjectError(
            "there is no project here",
            received=f"{Path.cwd()}: neither this folder nor one above it is a project",
            allowed=f"a folder with {ENVIRONMENTS} or {MODELS} in it",
            next_step=f"cd to the project, export {VARIABLE}=..., or start one here: airworthy "
            "new-model NAME",
        )
    return project


def find_project() -> Path | None:
    """Return the project's folder; None when no folder is a project.

    Raises:
        NoProjectError: when ``AIRWORTHY_PROJECT`` names no folder.
    """
    return _from_variable() or _checkout() or _nearest(Path.cwd())


def _from_variable() -> Path | None:
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
    root = Path(__file__).resolve().parents[2]
    return root if (root / ENVIRONMENTS).is_dir() else None


def _nearest(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        if (candidate / ENVIRONMENTS).is_dir() or (candidate / MODELS).is_dir():
            return candidate
    return None
