"""The reference page of the DAGs: tasks and params of those of a shipped model."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions._internal.types import ArgNotSet
from markdown import code, page, table

from airworthy.environment import load_environment
from airworthy.spec.loading import load_spec
from airworthy.spec.score_part import Score
from airworthy_airflow.dag_factories.monitor_dag import build_monitor_dag
from airworthy_airflow.dag_factories.rollback_dag import build_rollback_dag
from airworthy_airflow.dag_factories.score_dag import build_score_dag
from airworthy_airflow.dag_factories.task_doc import FAILS
from airworthy_airflow.dag_factories.train_dag import build_train_dag
from airworthy_airflow.dag_factories.watch_dag import build_drill_dag, build_watch_dag

if TYPE_CHECKING:
    from airflow.sdk import DAG, Param

MODEL = "delivery_eta"


def dag_page() -> str:
    """Return the page of the DAGs."""
    environment = load_environment()
    spec = load_spec(environment.models / MODEL / "model.yaml")
    dags = [
        build_train_dag(spec, environment),
        build_monitor_dag(spec, environment),
        build_score_dag(spec, spec.score or Score(), environment),
        build_rollback_dag(spec),
        build_watch_dag(spec, timedelta(days=1)),
        build_drill_dag(spec, "@weekly"),
    ]
    return page(
        "DAGs",
        "Each model has the DAGs below, by its name and a suffix. A run takes its params from the form "
        "in the UI, or from `conf` of `POST /api/v2/dags/{dag_id}/dagRuns`. An unknown key is refused. "
        "Each task's page in the UI has the numbers of its model too: columns, windows, gates, limits.",
        *(part for dag in dags for part in _dag(dag)),
    )


def _dag(dag: DAG) -> list[str]:
    params = [_param(name, dag.params.get_param(name)) for name in dag.params]
    tasks = [(code(task.task_id), *_task(task.doc_md or "")) for task in dag.tasks]
    return [
        f"## {dag.dag_id.replace(MODEL, 'MODEL')}",
        table(("task", "what it does", "when it fails"), tasks),
        table(("param", "default", "meaning"), params),
    ]


def _param(name: str, param: Param) -> tuple[str, str, str]:
    default = "required" if isinstance(param.value, ArgNotSet) else code(json.dumps(param.value))
    return code(name), default, param.description or ""


def _task(doc: str) -> tuple[str, str]:
    """Return the first paragraph of a task's page, and the one on its failure."""
    failure = doc.partition(f"{FAILS}: ")[2]
    return doc.strip().partition("\n\n")[0], _sentence(failure.replace(MODEL, "MODEL"))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
