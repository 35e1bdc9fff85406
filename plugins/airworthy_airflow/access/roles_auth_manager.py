"""The roles of `airworthy.roles` for an auth manager of Airflow, whatever keeps its users."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airworthy.errors import TerminalError
from airworthy.roles import Right, Roles, load_roles
from airworthy_airflow.access.backfill_requests import BackfillRequests, is_on_backfills
from airworthy_airflow.access.needed_rights import (
    right_for_dag,
    right_for_menu,
    right_for_shown,
    right_for_view,
)

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.resource_details import (
        AccessView,
        DagAccessEntity,
        DagDetails,
    )
    from airflow.api_fastapi.common.types import MenuItem

log = logging.getLogger(__name__)
User = TypeVar("User", bound=BaseUser)


class RolesAuthManager(BaseAuthManager[User]):
    """A mixin: gives a user the rights of our roles, and asks the auth manager below for the others.

    The right is needed for what Airflow asks; `needed_rights` has it for each request.
    """

    _last_roles: Roles | None = None

    @abstractmethod
    def role_names(self, user: User) -> Collection[str]:
        """Return the names of a user's roles, as they are in the file of the roles."""

    def init(self) -> None:
        """Prepare for requests.

        Raises:
            TerminalError: when the file of the roles is wrong.
        """
        self._last_roles = load_roles()
        super().init()

    def has_roles(self, user: User) -> bool:
        """Return whether one of the user's roles is in the file."""
        return not self._roles().roles.keys().isdisjoint(self.role_names(user))

    def has_right(self, user: User, right: Right) -> bool:
        """Return whether a user has a right by the file."""
        return right in self._roles().rights_of(self.role_names(user))

    def get_fastapi_middlewares(self) -> list[tuple[Any, dict[str, Any]]]:
        """Return the middlewares of Airflow's API server."""
        return [*super().get_fastapi_middlewares(), (BackfillRequests, {})]

    def is_authorized_dag(
        self,
        *,
        method: Any,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Return whether a user may do something with a DAG, or with an entity of it.

        Args:
            method: The method.
            user: The user.
            access_entity: The entity; None: the DAG itself.
            details: The DAG; None: any of them.
        """
        right = right_for_dag(
            str(method),
            access_entity.name if access_entity else None,
            details.id if details else None,
            is_backfill=is_on_backfills(),
        )
        return self.has_right(user, right) or self._below.is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )

    def get_authorized_dag_ids(
        self, *, user: User, method: Any = "GET", **session: Any
    ) -> set[str]:
        """Return the DAGs on which a user may use a method.

        Args:
            user: The user.
            method: The method.
            session: Airflow's argument ``session``, if given.
        """
        if not self.has_right(user, right_for_dag(str(method), None, None)):
            found: set[str] = self._below.get_authorized_dag_ids(
                user=user, method=method, **session
            )
            return found
        with create_session(scoped=False) as own:
            return set(own.scalars(select(DagModel.dag_id)))

    def filter_authorized_dag_ids(
        self, *, dag_ids: set[str], user: User, method: Any = "GET", team_name: str | None = None
    ) -> set[str]:
        """Return those of some DAGs on which a user may use a method.

        Args:
            dag_ids: The DAGs.
            user: The user.
            method: The method.
            team_name: The team of the DAGs; None: there are no teams.
        """
        if self.has_right(user, right_for_dag(str(method), None, None)):
            return set(dag_ids)
        return super().filter_authorized_dag_ids(
            dag_ids=dag_ids, user=user, method=method, team_name=team_name
        )

    def is_authorized_asset(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may do something with an asset."""
        return self.has_right(user, right_for_shown(str(method))) or (
            self._below.is_authorized_asset(method=method, user=user, **details)
        )

    def is_authorized_asset_alias(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may do something with an alias of an asset."""
        return self.has_right(user, right_for_shown(str(method))) or (
            self._below.is_authorized_asset_alias(method=method, user=user, **details)
        )

    def is_authorized_pool(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may do something with a pool."""
        return self.has_right(user, right_for_shown(str(method))) or (
            self._below.is_authorized_pool(method=method, user=user, **details)
        )

    def is_authorized_configuration(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may read Airflow's configuration."""
        return self.has_right(user, "administer") or (
            self._below.is_authorized_configuration(method=method, user=user, **details)
        )

    def is_authorized_connection(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may do something with a connection, which has secrets."""
        return self.has_right(user, "administer") or (
            self._below.is_authorized_connection(method=method, user=user, **details)
        )

    def is_authorized_variable(self, *, method: Any, user: User, **details: Any) -> bool:
        """Return whether a user may do something with a variable, which may have secrets."""
        return self.has_right(user, "administer") or (
            self._below.is_authorized_variable(method=method, user=user, **details)
        )

    def is_authorized_view(self, *, access_view: AccessView, user: User, **team: Any) -> bool:
        """Return whether a user may open a view."""
        return self.has_right(user, right_for_view(access_view.name)) or (
            self._below.is_authorized_view(access_view=access_view, user=user, **team)
        )

    def is_authorized_custom_view(self, *, method: Any, resource_name: str, user: User) -> bool:
        """Return whether a user may open a view of the auth manager's own, such as its users."""
        return self.has_right(user, "administer") or (
            self._below.is_authorized_custom_view(
                method=method, resource_name=resource_name, user=user
            )
        )

    def filter_authorized_menu_items(
        self, menu_items: list[MenuItem], user: User
    ) -> list[MenuItem]:
        """Return the items of the menu that lead somewhere for a user."""
        others = self.menu_items_of_others(menu_items, user)
        return [
            item
            for item in menu_items
            if item in others or self.has_right(user, right_for_menu(item.value))
        ]

    def menu_items_of_others(self, menu_items: list[MenuItem], user: User) -> list[MenuItem]:
        """Return the items that a user has by the auth manager below."""
        return list(self._below.filter_authorized_menu_items(menu_items, user=user))

    @property
    def _below(self) -> Any:
        """The auth manager that this one is mixed into. In the base class its methods are abstract."""
        return super()

    def _roles(self) -> Roles:
        """Return the roles as the file has them now; while it is wrong, as it had them last."""
        try:
            self._last_roles = load_roles()
        except TerminalError as error:
            if self._last_roles is None:
                raise
            log.error("the last good roles hold: %s", error)
        return self._last_roles
