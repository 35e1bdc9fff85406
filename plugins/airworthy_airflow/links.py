"""Buttons on task pages. They open MLflow. A task stores its link when it ends: the page looks nothing up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

DEFAULT_MLFLOW_URL = "http://127.0.0.1:5000"


def mlflow_url(path: str) -> str:
    """Return the address of a page of MLflow's UI; ``AIRWORTHY_MLFLOW_URL`` says where it is served."""
    return f"{os.environ.get('AIRWORTHY_MLFLOW_URL') or DEFAULT_MLFLOW_URL}/#/{path}"


def artifact_url(challenger: Mapping[str, Any], artifact: str) -> str:
    """Return the page of a file on a challenger's MLflow run, or the run's own page when its experiment is unknown.

    Args:
        challenger: A `ModelRef` as JSON.
        artifact: The file's path on the run.
    """
    experiment, run = challenger.get("mlflow_experiment_id"), f"runs/{challenger['mlflow_run_id']}"
    return mlflow_url(f"experiments/{experiment}/{run}/artifacts/{artifact}" if experiment else run)


class MlflowRunLink(BaseOperatorLink):
    """Opens the challenger's run: parameters, metrics, plots, datasets."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the run's page, or nothing when the task's output names no run."""
        output = _output(operator)
        return mlflow_url(f"runs/{output['mlflow_run_id']}") if "mlflow_run_id" in output else ""


class VerdictLink(BaseOperatorLink):
    """Opens the verdict: every gate with its value, threshold, interval and reason."""

    name = "Verdict"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the document's page, or nothing when the task has no verdict."""
        return _evidence_url(operator, "verdict.json")


class ModelReportLink(BaseOperatorLink):
    """Opens the report for a reviewer: metrics, slices, gates, plots on one page."""

    name = "Model report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the report's page, or nothing when the task has no verdict."""
        return _evidence_url(operator, "report.html")


class MlflowVersionLink(BaseOperatorLink):
    """Opens the registered version: its tags, its aliases, its run."""

    name = "MLflow version"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the version's page, or nothing when the task's output names no version."""
        output = _output(operator)
        if "version" not in output:
            return ""
        return mlflow_url(f"models/{output['model']}/versions/{output['version']}")


def _output(operator: BaseOperator) -> Mapping[str, Any]:
    return getattr(operator, "stage_output", None) or {}


def _evidence_url(operator: BaseOperator, artifact: str) -> str:
    if not _output(operator):
        return ""
    inputs: Mapping[str, Any] = getattr(operator, "inputs", {})
    return artifact_url(inputs["challenger"], artifact)
