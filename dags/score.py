"""Every model whose spec has a `score` part: scheduled scoring of the newest rows with the champion."""

from airflow.sdk import get_parsing_context

from airworthy.environment import load_environment
from airworthy_airflow.dag_factories.score_dag import build_score_dag
from airworthy_airflow.dag_factories.specs import specs_for

environment = load_environment()
# A task's process needs its own DAG only: the others would be built for nothing.
for spec in specs_for("score", only_dag_id=get_parsing_context().dag_id):
    if spec.score is not None:
        globals()[f"{spec.model}__score"] = build_score_dag(spec, spec.score, environment)
