"""Further users of the embedded stack's Airflow, by the variable ``AIRWORTHY_USERS``. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from airworthy.errors import TerminalError

USER = "admin"
"""The user that every stack has."""

VARIABLE = "AIRWORTHY_USERS"
AIRFLOWS_ROLES = ("user", "op")
"""Roles of Airflow's simple auth manager that are not in the file of the roles."""
# `nobody` answers in the ledger for those who did not.
RESERVED = frozenset({USER, "nobody"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")


def read_users(text: str, roles: Collection[str]) -> dict[str, str]:
    """Return the roles of the further users by their names.

    Args:
        text: ``NAME:ROLE`` of each user, with commas between them. Empty: there is none.
        roles: The roles of the file.

    Raises:
        TerminalError: when a name or a role is none, or when a name is taken.
    """
    users: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, role = part.partition(":")
        _refuse(name, role, users, (*roles, *AIRFLOWS_ROLES))
        users[name] = role
    return users


def _refuse(name: str, role: str, users: Mapping[str, str], roles: Collection[str]) -> None:
    allowed = f"NAME:ROLE,... with a role of {', '.join(roles)}"
    received = f"{VARIABLE}: {name}:{role}"
    if not _NAME.fullmatch(name):
        raise TerminalError("this is no name of a user", received=received, allowed=allowed)
    if name in RESERVED or name in users:
        raise TerminalError(
            "this name is taken", received=received, allowed="a name of its own for each user"
        )
    if role not in roles:
        raise TerminalError("this is no role of a user", received=received, allowed=allowed)
