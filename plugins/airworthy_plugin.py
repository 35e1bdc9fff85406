"""What Airworthy adds to Airflow's UI. The only plugin file: everything else is imported by name."""

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from airworthy_airflow.links import MlflowRunLink, MlflowVersionLink, ModelReportLink, VerdictLink


class AirworthyPlugin(AirflowPlugin):
    """Registers the operators' links."""

    name = "airworthy"
    operator_extra_links: ClassVar = [MlflowRunLink(), MlflowVersionLink(), VerdictLink(), ModelReportLink()]
