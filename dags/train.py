"""Every model's train DAG: ``ingest >> validate >> train >> evaluate >> register >> release``.

A model is a folder ``include/models/<model>/`` with a ``model.yaml``; each healthy one gives
``<model>__train``. The broken ones are named by ``broken_specs.py``.
"""

from airflow.sdk import get_parsing_context

from airworthy.environment import load_environment
from airworthy_airflow.dag_factories.specs import specs_for
from airworthy_airflow.dag_factories.train_dag import build_train_dag

environment = load_environment()
# A task's process needs its own DAG only: the others would be built for nothing.
for spec in specs_for("train", only_dag_id=get_parsing_context().dag_id):
    globals()[f"{spec.model}__train"] = build_train_dag(spec, environment)
