"""Makes our roles in Airflow's FAB auth manager: ``python -m airworthy_fab_roles``.

It may run at any time, and runs before each start of the parts. FAB keeps who has which role; the
rights of a role come from the file at each request. In FAB's database a role has the permissions
for FAB's own pages only: a user's own profile and password, and all of FAB's for administration.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from airworthy.roles import Role, load_roles, roles_file

PREFIX: Final = "airworthy_"
"""The begin of our roles' names in FAB, where Airflow has roles such as ``Viewer``."""
_OWN_PAGES: Final = tuple(
    (action, page) for page in ("My Password", "My Profile") for action in ("can_read", "can_edit")
)
_WEBSITE: Final = ("can_read", "Website")
_FAB_ADMIN: Final = "Admin"


def file_names(names: Iterable[str]) -> list[str]:
    """Return the names in the file of those of FAB's roles that are ours."""
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def sync_roles() -> list[str]:
    """Make the roles of the file in FAB's database. Return lines that say what stands.

    Raises:
        TerminalError: when the file of the roles is wrong.
    """
    roles = load_roles().roles
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as appbuilder:
        manager = appbuilder.sm
        for name, role in roles.items():
            _set_permissions(manager, manager.add_role(PREFIX + name), _permissions(manager, role))
        gone = set(file_names(each.name for each in manager.get_all_roles())) - roles.keys()
        for name in gone:
            # Its users keep it, so that a file that lacks it for a while takes nothing from them.
            _set_permissions(manager, manager.find_role(PREFIX + name), [])
    return [
        *(f"{PREFIX}{name}: {', '.join(role.may)}" for name, role in roles.items()),
        *(f"{PREFIX}{name}: not in {roles_file()}, so without rights" for name in sorted(gone)),
    ]


def _permissions(manager: Any, role: Role) -> list[Any]:
    if "administer" in role.rights:
        return list(manager.find_role(_FAB_ADMIN).permissions)
    return [manager.create_permission(*each) for each in (*_OWN_PAGES, _WEBSITE)]


def _set_permissions(manager: Any, role: Any, permissions: list[Any]) -> None:
    """Give a role these permissions, and take all others from it."""
    role.permissions = permissions
    manager.session.commit()


def main() -> None:
    """Make the roles, and print them. FAB's log has a line for each permission: it is not shown."""
    logging.disable(logging.INFO)
    for line in sync_roles():
        print(line)


if __name__ == "__main__":
    main()
