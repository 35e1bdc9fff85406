"""Buttons on task pages. They open MLflow, and pages on Airflow's own origin.

A task stores its links when it ends, whatever became of it: the page looks nothing up. A button
without a page is not shown. Pages on Airflow's own origin have no host in their address: Airflow's
login is a cookie of the host that a person came by.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

DEFAULT_MLFLOW_URL = "http://127.0.0.1:5000"


def mlflow_url(path: str) -> str:
    """Return the address of a page of MLflow's UI; ``AIRWORTHY_MLFLOW_URL`` says where it is served."""
    return f"{os.environ.get('AIRWORTHY_MLFLOW_URL') or DEFAULT_MLFLOW_URL}/#/{path}"


def model_page_path(model: str) -> str:
    """Return the path of a model's page on Airflow's own origin."""
    return f"{_airflow_path()}/airworthy/models/{quote(model, safe='')}"


def evidence_path(model: str, folder: str, name: str) -> str:
    """Return the path of a page of a run's evidence on Airflow's own origin.

    Args:
        model: The model.
        folder: The run's folder: `RunRequest.folder_name`.
        name: The file, such as ``report.html``, or ``data_docs``.
    """
    return f"{_airflow_path()}/airworthy/evidence/{model}/{quote(folder, safe='')}/{name}"


class MlflowRunLink(BaseOperatorLink):
    """Opens the challenger's run: parameters, metrics, plots, datasets."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the run's page, or nothing when the task knows no run."""
        run = _output(operator).get("mlflow_run_id") or _input(operator, "challenger").get(
            "mlflow_run_id"
        )
        return mlflow_url(f"runs/{run}") if run else ""


class MlflowVersionLink(BaseOperatorLink):
    """Opens the registered version: its tags, its aliases, its run."""

    name = "MLflow version"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the version's page, or nothing when the task knows no version."""
        output = _output(operator)
        version = (
            output.get("version")
            or _input(operator, "version").get("version")
            or output.get("champion")
        )
        return mlflow_url(f"models/{_model(operator)}/versions/{version}") if version else ""


class VerdictLink(BaseOperatorLink):
    """Opens the verdict: every gate with its value, threshold, interval and reason."""

    name = "Verdict"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the document's page, or nothing when the task knows no verdict."""
        return _verdict_page(operator, "verdict.json")


class ModelReportLink(BaseOperatorLink):
    """Opens the report for a reviewer: metrics, slices, gates, plots on one page."""

    name = "Model report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the report's page, or nothing when the task knows no verdict."""
        return _verdict_page(operator, "report.html")


class DataDocsLink(BaseOperatorLink):
    """Opens the Data Docs of Great Expectations: the newest day, and each day that failed."""

    name = "Data Docs"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the page, also of a failed validation, or nothing before the stage began."""
        return _evidence_page(operator, "data_docs")


class EvidentlyReportLink(BaseOperatorLink):
    """Opens Evidently's report of the window: its inputs beside those of the reference."""

    name = "Evidently report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the report's page, or nothing when none was drawn."""
        report = _output(operator).get("report") or _input(operator, "skew").get("report")
        return _evidence_page(operator, PurePosixPath(report).name) if report else ""


class ModelPageLink(BaseOperatorLink):
    """Opens the model's page: its state, its versions, its ledger."""

    name = "Model page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the model's page."""
        return model_page_path(_model(operator))


def _airflow_path() -> str:
    """Return the path below which Airflow is served; empty: at the root of its host."""
    from airflow.sdk.configuration import conf

    return urlsplit(str(conf.get("api", "base_url", fallback=""))).path.rstrip("/")


def _model(operator: BaseOperator) -> str:
    return str(getattr(operator, "model", ""))


def _output(operator: BaseOperator) -> Mapping[str, Any]:
    return getattr(operator, "stage_output", None) or {}


def _input(operator: BaseOperator, name: str) -> Mapping[str, Any]:
    """Return an input of the task. Empty: it has none, or the task ended before inputs were read."""
    value = getattr(operator, "inputs", {}).get(name)
    return value if isinstance(value, Mapping) else {}


def _verdict_page(operator: BaseOperator, name: str) -> str:
    known = "gates" in _output(operator) or bool(_input(operator, "verdict"))
    return _evidence_page(operator, name) if known else ""


def _evidence_page(operator: BaseOperator, name: str) -> str:
    folder = getattr(operator, "evidence_folder", None)
    return evidence_path(_model(operator), folder, name) if folder else ""


MODEL_LINKS = (ModelPageLink(),)
"""The buttons of every task of a model."""
VERDICT_LINKS = (*MODEL_LINKS, ModelReportLink(), VerdictLink(), MlflowRunLink())
"""The buttons of the task that makes a verdict."""
RELEASE_LINKS = (*VERDICT_LINKS, MlflowVersionLink())
"""The buttons of a task that registers or releases a version."""
ALL_LINKS = (*RELEASE_LINKS, DataDocsLink(), EvidentlyReportLink())
"""Every button, for the plugin."""
