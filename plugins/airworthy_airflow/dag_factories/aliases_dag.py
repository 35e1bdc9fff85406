"""The DAG of all models that puts aliases back which somebody moved in MLflow."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, AssetWatcher

from airworthy_airflow.alias_trigger import MovedAliasTrigger
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc, document
from airworthy_airflow.operators.alias_operator import PutAliasesBackOperator

DAG_ID = "airworthy__aliases"
_PUT_BACK = TaskDoc(
    f"MLflow or a ledger could not be reached; the log names it. {CLEAR} No server follows a moved alias meanwhile."
)


def build_aliases_dag() -> DAG:
    """Return ``airworthy__aliases``: one task, started when a model server reports a moved alias.

    It is not paused at first: a control that waits for a toggle is none.
    """
    watcher = AssetWatcher(name="moved_aliases", trigger=MovedAliasTrigger())
    moved = Asset(uri="airworthy://moved_aliases", group="airworthy", watchers=[watcher])
    with DAG(
        dag_id=DAG_ID,
        description="Puts aliases back that somebody moved in MLflow, and tells people.",
        schedule=[moved],
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags={"airworthy", "aliases"},
        doc_md=f"## Aliases\n\n{PutAliasesBackOperator.task_doc_md}",
    ) as dag:
        PutAliasesBackOperator(task_id="put_back")
    document(dag, "", {"put_back": _PUT_BACK})
    return dag
