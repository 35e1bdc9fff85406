"""Imports the libraries of coming tasks in the scheduler. Every Airflow process reads this file.

LocalExecutor forks its workers from the scheduler, and each task from a worker. Importing the
libraries of a training run costs seconds; with the libraries of the fork a task starts in
milliseconds. Imports only: nothing here may start a thread pool (Polars' and OpenMP's do not
survive a fork), so no frame is built and no model is loaded.
"""

import contextlib
import importlib
import sys

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


if sys.argv[1:2] == ["scheduler"]:
    _preload()
