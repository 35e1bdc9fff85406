"""DAGs of a user's own, as in anybody's project: scheduled on the assets of the model ``gated``."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable

with DAG(
    dag_id="users_on_champion",
    schedule=[Asset("airworthy://gated/champion")],
    is_paused_upon_creation=False,
):
    EmptyOperator(task_id="nothing")

with DAG(
    dag_id="users_on_day",
    schedule=PartitionedAssetTimetable(assets=Asset("airworthy://gated/day")),
    is_paused_upon_creation=False,
):
    EmptyOperator(task_id="nothing")
