"""Imports the libraries of coming tasks where tasks are forked from. Every Airflow process reads this file.

LocalExecutor forks its workers from the scheduler, a Celery worker its pool from itself, and each
task is forked from one of those. Importing the libraries of a training run costs seconds; with the
libraries of the fork a task starts in milliseconds. Imports only: nothing here may start a thread
pool (Polars' and OpenMP's do not survive a fork), so no frame is built and no model is loaded.
"""

import contextlib
import importlib
import sys

from airflow.configuration import conf

PRELOADED = (
    "polars",
    "deltalake",
    "pyarrow.parquet",
    "pandas",
    "sklearn.metrics",
    "xgboost",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.xgboost",
    "mlflow.store.tracking.rest_store",
    "mlflow.store.model_registry.rest_store",
    "mlflow.store.artifact.mlflow_artifacts_repo",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "great_expectations",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "httpx",
    "airworthy.metrics.stage_metrics",
    "airworthy_airflow.dag_factories.train_dag",
    "airworthy.stages.ingest",
    "airworthy.stages.validate",
    "airworthy.stages.train",
    "airworthy.stages.evaluate",
    "airworthy.stages.register",
    "airworthy.stages.deploy_staging",
    "airworthy.stages.approval",
    "airworthy.stages.rollout",
    "airworthy.stages.deploy_production",
    "airworthy.stages.ingest_inputs",
    "airworthy.stages.score",
)
__all__: list[str] = []


def _preload() -> None:
    for name in PRELOADED:
        # What cannot be imported is reported by the task that needs it, and not by a scheduler that
        # will not start.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def forks_tasks(arguments: list[str]) -> bool:
    """Return whether the ``airflow`` command with these arguments is one that tasks are forked from."""
    if arguments[:1] == ["scheduler"]:
        # With other executors no task comes from the scheduler: the libraries would be its dead
        # weight.
        return "LocalExecutor" in conf.get_mandatory_value("core", "executor")
    return arguments[:2] == ["celery", "worker"]


if forks_tasks(sys.argv[1:]):
    _preload()
