"""One DAG for all models: aliases that somebody moved in MLflow are put back, and people are told."""

from airflow.sdk import get_parsing_context

from airworthy_airflow.dag_factories.aliases_dag import DAG_ID, build_aliases_dag

# A task's process needs its own DAG only.
if get_parsing_context().dag_id in (None, DAG_ID):
    dag = build_aliases_dag()
