"""Users of Airflow on several machines: in its database, with our roles, known to a spec by their names."""

from __future__ import annotations

from collections.abc import Collection

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User
from airflow.providers.fab.auth_manager.models.anonymous_user import AnonymousUser
from airworthy_fab_roles import file_names

from airworthy_airflow.access.roles_auth_manager import RolesAuthManager


class UserNamesAuthManager(RolesAuthManager[User], FabAuthManager):
    """Airflow's FAB auth manager, with the roles of `airworthy.roles` beside FAB's own.

    ``release.approvers`` of a spec are names of users. FAB's own ids are numbers. They differ from
    deployment to deployment, and no spec can know them.
    """

    def role_names(self, user: User | AnonymousUser) -> Collection[str]:
        """Return the names of a user's roles, as they are in the file. A user without a login has none."""
        if isinstance(user, AnonymousUser):
            return ()
        return file_names(role.name for role in user.roles)

    def is_authorized_hitl_task(
        self, *, assigned_users: set[str], user: User | AnonymousUser
    ) -> bool:
        """Return whether a user may answer a question that only some users may answer.

        Args:
            assigned_users: Their names.
            user: The user who answers.
        """
        return user.get_name() in assigned_users
