"""Buttons on task pages that open MLflow. A task stores its link when it ends, so the page needs no look-up."""

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

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the run's page, or nothing when the task handed none over."""
        handed: dict[str, Any] = getattr(operator, "handed_over", None) or {}
        return mlflow_url(f"runs/{handed['mlflow_run_id']}") if "mlflow_run_id" in handed else ""


class VerdictLink(BaseOperatorLink):
    """Opens the verdict: every gate with its value, threshold, interval and reason."""

    name = "Verdict"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the document's page, or nothing when the task handed no verdict over."""
        return _evidence_url(operator, "verdict.json")


class ModelReportLink(BaseOperatorLink):
    """Opens the report that a reviewer reads: metrics, slices, gates, plots on one page."""

    name = "Model report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the report's page, or nothing when the task handed no verdict over."""
        return _evidence_url(operator, "report.html")


class MlflowVersionLink(BaseOperatorLink):
    """Opens the registered version: its tags, its aliases, its run."""

    name = "MLflow version"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the version's page, or nothing when the task handed none over."""
        handed: dict[str, Any] = getattr(operator, "handed_over", None) or {}
        return (
            mlflow_url(f"models/{handed['model']}/versions/{handed['version']}")
            if "version" in handed
            else ""
        )


def _evidence_url(operator: BaseOperator, artifact: str) -> str:
    if not getattr(operator, "handed_over", None):
        return ""
    handed: Mapping[str, Any] = getattr(operator, "handed", {})
    return artifact_url(handed["challenger"], artifact)
