"""Airworthy's additions to Airflow's UI. The only plugin file: all else is imported by name."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airworthy_airflow.links import ALL_LINKS


class AirworthyPlugin(AirflowPlugin):
    """Registers the operators' links and the pages that they open."""

    name = "airworthy"
    # The annotation is Airflow's own: no instance changes the list.
    operator_extra_links: list[Any] = [*ALL_LINKS]  # noqa: RUF012

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The evidence pages. Only Airflow's API server asks for them: no task pays for the imports."""
        from airworthy_airflow.evidence_pages.app import PREFIX, evidence_pages_app

        return [{"name": "Airworthy evidence", "app": evidence_pages_app(), "url_prefix": PREFIX}]
