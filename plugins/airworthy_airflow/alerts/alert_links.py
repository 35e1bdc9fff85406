"""The evidence of an alert: addresses of pages, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airworthy_airflow.links import mlflow_url


def task_links(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the page of a task with its log."""
    return {"task": str(context["ti"].log_url)}


def version_links(context: Mapping[str, Any], model: str, version: str) -> dict[str, str]:
    """Return the pages of a task and of a registered version.

    Args:
        context: The task's context.
        model: The registered model.
        version: The version.
    """
    return {**task_links(context), "version": mlflow_url(f"models/{model}/versions/{version}")}


def run_links(dag_id: str, run_id: str) -> dict[str, str]:
    """Return the page of a DAG run, for callers outside its tasks."""
    from airflow.sdk.configuration import conf

    address = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/")
    return {"run": f"{address}/dags/{quote(dag_id)}/runs/{quote(run_id)}"}
