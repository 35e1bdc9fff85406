"""Airworthy's additions to Airflow's UI. The only plugin file: all else is imported by name."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airworthy_airflow.links import ALL_LINKS


class AirworthyPlugin(AirflowPlugin):
    """Registers the operators' links, the pages that they open, and the Models page."""

    name = "airworthy"
    # The annotations are Airflow's own: no instance changes the lists.
    operator_extra_links: list[Any] = [*ALL_LINKS]  # noqa: RUF012
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Models",
            "href": "airworthy/",
            "url_route": "models",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The pages. Only Airflow's API server asks for them: no task pays for their imports.

        The evidence comes first: its address begins with that of the Models page.
        """
        from airworthy_airflow.evidence_pages.app import PREFIX, evidence_pages_app
        from airworthy_airflow.models_page.app import models_page_app

        return [
            {"name": "Airworthy evidence", "app": evidence_pages_app(), "url_prefix": PREFIX},
            {"name": "Airworthy", "app": models_page_app(), "url_prefix": "/airworthy"},
        ]
