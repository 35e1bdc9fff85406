"""The roles of people, and what each may do: from the project's ``include/roles.yaml``, else the package's.

Airflow's auth managers ask here (`airworthy_airflow.access`). A role's name is stored with a user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from airworthy.errors import TerminalError
from airworthy.project import find_project
from airworthy.spec.faults import faults_of
from airworthy.spec.fields import Violation, raise_violations

Right = Literal[
    "see",
    "trigger",
    "backfill",
    "approve",
    "roll_back",
    "flags",
    "pause",
    "audit",
    "administer",
]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
ROLES_FILE: Final = Path("include", "roles.yaml")
ADMIN: Final = "admin"
# Roles of Airflow's simple auth manager. Users of older versions have them, with Airflow's meaning.
RESERVED: Final = ("user", "op")
_DEFAULT: Final = Path(__file__).with_suffix(".yaml")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Role(BaseModel):
    """The rights of one role.

    Attributes:
        description: The role in a few words.
        may: Its rights. ``administer`` includes all others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    may: list[Right]

    @property
    def rights(self) -> frozenset[Right]:
        """All of its rights."""
        return frozenset(RIGHTS if "administer" in self.may else self.may)


class Roles(BaseModel):
    """All roles by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: dict[str, Role]

    @model_validator(mode="after")
    def _are_sound(self) -> Roles:
        violations = [
            Violation(("roles", name), "this is a role of Airflow's own", name, "another name")
            for name in RESERVED
            if name in self.roles
        ]
        allowed = "a to z, 0 to 9 and _, a letter first, 40 characters at most"
        violations += [
            Violation(("roles", name), "this is no name of a role", name, allowed)
            for name in self.roles
            if _NAME.fullmatch(name) is None
        ]
        admin = self.roles.get(ADMIN)
        if admin is None or "administer" not in admin.may:
            received = "no such role" if admin is None else ", ".join(admin.may)
            violations.append(
                Violation(("roles", ADMIN), "nobody could administer", received, "administer")
            )
        # A role that acts on pages that it cannot open would be a trap.
        violations += [
            Violation(("roles", name, "may"), "it cannot see", ", ".join(role.may), "see, ...")
            for name, role in self.roles.items()
            if "see" not in role.rights
        ]
        raise_violations(violations)
        return self

    def rights_of(self, names: Iterable[str]) -> frozenset[Right]:
        """Return the rights of somebody with these roles. An unknown role has none."""
        found = (self.roles.get(name) for name in names)
        return frozenset[Right]().union(*(role.rights for role in found if role is not None))


def roles_file(project: Path | None = None) -> Path:
    """Return the file that holds: the project's, else the package's.

    `project` is the project's folder; None: the result of ``find_project``.
    """
    project = project or find_project()
    own = project / ROLES_FILE if project else None
    return own if own is not None and own.is_file() else _DEFAULT


def load_roles(project: Path | None = None) -> Roles:
    """Load the roles; a file that did not change is read once.

    `project` is the project's folder; None: the result of ``find_project``.

    Raises:
        TerminalError: when the file is wrong or cannot be read.
    """
    path = roles_file(project)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise _unreadable(path, str(error)) from None


@lru_cache(maxsize=8)
def _read(path: Path, _modified_ns: int) -> Roles:
    """Return the file's roles; the time of its last change is a part of the cache's key."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, f"not YAML: {' '.join(str(error).split())}") from None
    try:
        return Roles.model_validate(content)
    except ValidationError as error:
        faults = faults_of(path, error, Roles.model_json_schema())
        raise TerminalError("\n".join(map(str, faults)), next_step=f"edit {path}") from None


def _unreadable(path: Path, received: str) -> TerminalError:
    return TerminalError(
        "the roles cannot be read",
        received=f"{path}: {received}",
        allowed="roles: {NAME: {may: [see, ...]}, ...}",
        next_step=f"correct {path}",
    )
