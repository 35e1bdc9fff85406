"""Users of Airflow on several machines: in its database, with roles, known to a spec by their names."""

from __future__ import annotations

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User
from airflow.providers.fab.auth_manager.models.anonymous_user import AnonymousUser


class UserNamesAuthManager(FabAuthManager):
    """Airflow's FAB auth manager, where ``release.approvers`` of a spec are names of users.

    FAB's own ids are numbers. They differ from deployment to deployment, and no spec can know them.
    """

    def is_authorized_hitl_task(
        self, *, assigned_users: set[str], user: User | AnonymousUser
    ) -> bool:
        """Return whether a user may answer a question that only some users may answer.

        Args:
            assigned_users: Their names.
            user: The user who answers.
        """
        return user.get_name() in assigned_users
