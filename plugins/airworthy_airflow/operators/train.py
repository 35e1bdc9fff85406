"""Trains a challenger and a baseline on the dataset version."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.links import MlflowRunLink
from airworthy_airflow.operators.stage import StageOperator


class TrainOperator(StageOperator):
    """Trains a challenger and a baseline on the dataset version."""

    stage: ClassVar[str] = "train"
    doc: ClassVar[str] = (
        "Splits by time, trains XGBoost with early stopping and the simple baseline, and logs the run on MLflow. "
        "The same data, code and parameters give the same model, bit for bit."
    )
    ui_color = "#fdf3d8"
    operator_extra_links = (MlflowRunLink(),)
