"""Buttons on task pages that open MLflow. A task stores its link when it ends, so the page needs no look-up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

DEFAULT_MLFLOW_URL = "http://127.0.0.1:5000"


def mlflow_url(path: str) -> str:
    """Return the address of a page of MLflow's UI; ``AIRWORTHY_MLFLOW_URL`` says where it is served."""
    return f"{os.environ.get('AIRWORTHY_MLFLOW_URL') or DEFAULT_MLFLOW_URL}/#/{path}"


class MlflowRunLink(BaseOperatorLink):
    """Opens the challenger's run: parameters, metrics, plots, datasets."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the run's page, or nothing when the task handed none over."""
        handed: dict[str, Any] = getattr(operator, "handed_over", None) or {}
        return mlflow_url(f"runs/{handed['mlflow_run_id']}") if "mlflow_run_id" in handed else ""


class MlflowVersionLink(BaseOperatorLink):
    """Opens the registered version: its tags, its aliases, its run."""

    name = "MLflow version"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the version's page, or nothing when the task handed none over."""
        handed: dict[str, Any] = getattr(operator, "handed_over", None) or {}
        return mlflow_url(f"models/{handed['model']}/versions/{handed['version']}") if "version" in handed else ""
