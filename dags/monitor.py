"""Every model's monitor DAG: checks on production, and the training that they may trigger."""

from airflow.sdk import get_parsing_context

from airworthy.environment import load_environment
from airworthy_airflow.dag_factories.monitor_dag import build_monitor_dag
from airworthy_airflow.dag_factories.specs import specs_for

environment = load_environment()
# A task's process needs its own DAG only: the others would be built for nothing.
for spec in specs_for("monitor", only_dag_id=get_parsing_context().dag_id):
    globals()[f"{spec.model}__monitor"] = build_monitor_dag(spec, environment)
