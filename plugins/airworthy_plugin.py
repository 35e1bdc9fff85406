"""Airworthy's additions to Airflow's UI. The only plugin file: all else is imported by name."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airworthy_airflow.links import MlflowRunLink, MlflowVersionLink, ModelReportLink, VerdictLink


class AirworthyPlugin(AirflowPlugin):
    """Registers the operators' links."""

    name = "airworthy"
    # The annotation is Airflow's own: no instance changes the list.
    operator_extra_links: list[Any] = [  # noqa: RUF012
        MlflowRunLink(),
        MlflowVersionLink(),
        VerdictLink(),
        ModelReportLink(),
    ]
