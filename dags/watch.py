"""Every watched model's watch DAG, and the rollback drill of each model whose spec has one."""

from airflow.sdk import get_parsing_context

from airworthy.environment import load_environment
from airworthy.release.release_rules import release_rules
from airworthy_airflow.dag_factories.specs import specs_for
from airworthy_airflow.dag_factories.watch_dag import build_drill_dag, build_watch_dag

environment = load_environment()
only_dag_id = get_parsing_context().dag_id
# A task's process needs its own DAG only: the others would be built for nothing.
for spec in specs_for("watch", only_dag_id):
    watch = release_rules(spec, environment).watch
    if watch is not None:
        globals()[f"{spec.model}__watch"] = build_watch_dag(spec, watch)
for spec in specs_for("rollback_drill", only_dag_id):
    if spec.release.drill is not None:
        globals()[f"{spec.model}__rollback_drill"] = build_drill_dag(spec, spec.release.drill)
