"""The embedded stack's auth manager: Airflow's simple one, with the roles of `airworthy.roles`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import (
    SimpleAuthManager,
    SimpleAuthManagerRole,
)
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.common.types import MenuItem

from airworthy.roles import load_roles
from airworthy_airflow.access.roles_auth_manager import RolesAuthManager


class SimpleRolesAuthManager(RolesAuthManager[SimpleAuthManagerUser], SimpleAuthManager):
    """Airflow's simple auth manager. Roles that are in our file have the rights of this file alone.

    The roles ``user`` and ``op`` are Airflow's, with its meaning.
    """

    def role_names(self, user: SimpleAuthManagerUser) -> Collection[str]:
        """Return the name of a user's role."""
        return [user.role.lower()] if user.role else []

    def menu_items_of_others(
        self, menu_items: list[MenuItem], user: SimpleAuthManagerUser
    ) -> list[MenuItem]:
        """Return all items for a role of Airflow's own, which sees them all, and none for ours."""
        return [] if self.has_roles(user) else menu_items

    @staticmethod
    def _is_admin(user: SimpleAuthManagerUser) -> bool:
        rights = load_roles().rights_of([(user.role or "").lower()])
        return "administer" in rights

    @staticmethod
    def _is_authorized(*, user: SimpleAuthManagerUser, **asked: Any) -> bool:
        """Return whether one of Airflow's own roles has a right."""
        name = (user.role or "").lower()
        known = {role.name.lower() for role in SimpleAuthManagerRole} - load_roles().roles.keys()
        return name in known and SimpleAuthManager._is_authorized(user=user, **asked)
