"""Airworthy's additions to Airflow's UI. The only plugin file: all else is imported by name."""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airworthy_airflow.links import MlflowRunLink, MlflowVersionLink, ModelReportLink, VerdictLink


class AirworthyPlugin(AirflowPlugin):
    """Registers the operators' links and the Models page."""

    name = "airworthy"
    # The annotation is Airflow's own: no instance changes the list.
    operator_extra_links: list[Any] = [  # noqa: RUF012
        MlflowRunLink(),
        MlflowVersionLink(),
        VerdictLink(),
        ModelReportLink(),
    ]
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
        """The Models page. Only Airflow's API server asks for it: no task pays for its imports."""
        from airworthy_airflow.models_page.app import models_page_app

        return [{"name": "Airworthy", "app": models_page_app(), "url_prefix": "/airworthy"}]
