"""Every model's rollback DAG: one task that gives all traffic back to the last good champion."""

from airflow.sdk import get_parsing_context

from airworthy_airflow.dag_factories.rollback_dag import build_rollback_dag
from airworthy_airflow.dag_factories.specs import specs_for

# A task's process needs its own DAG only: the others would be built for nothing.
for spec in specs_for("rollback", only_dag_id=get_parsing_context().dag_id):
    globals()[f"{spec.model}__rollback"] = build_rollback_dag(spec)
