"""The rollback DAG of one model."""

from __future__ import annotations

from copy import copy

from airflow.sdk import DAG, Param

from airworthy.days import midnight
from airworthy.spec import ModelSpec
from airworthy_airflow.dag_factories.task_doc import TaskDoc, document
from airworthy_airflow.operators import RollbackOperator

PARAMS = {
    "to_version": Param(
        None,
        type=["null", "string"],
        pattern="^[0-9]+$",
        title="To version",
        description="The registered version to go back to; it must have been champion. Empty: the last good champion.",
    ),
    "from_version": Param(
        None,
        type=["null", "string"],
        pattern="^[0-9]+$",
        title="From version",
        description="Only while this version is champion. Empty: only while the champion of the trigger's time is.",
    ),
    "reason": Param(
        type="string",
        minLength=1,
        title="Reason",
        description="Why, in your words. It is recorded, and marks the version that is rolled back.",
    ),
}


ROLLBACK = TaskDoc(
    "the champion stays as it was. The log says why: no version to go back to, files that are not those of the "
    "ledger, or a service that was out of reach. Name a version in *To version*, or clear this task when the service "
    "is back."
)


def build_rollback_dag(spec: ModelSpec) -> DAG:
    """Return ``<model>__rollback``: one task, started by a person.

    It is not paused at first: in an emergency, a run must not wait in silence for a toggle.
    """
    with DAG(
        dag_id=f"{spec.model}__rollback",
        description=f"Gives all traffic back to the last good champion of {spec.model}.",
        schedule=None,
        start_date=midnight(spec.start),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags={"airworthy", "rollback", spec.model},
        default_args={"owner": spec.owner},
        doc_md=_doc(spec),
    ) as dag:
        RollbackOperator(task_id="rollback", model=spec.model)
    document(dag, spec.model, {"rollback": ROLLBACK})
    dag.params.update({name: copy(param) for name, param in PARAMS.items()})
    return dag


def _doc(spec: ModelSpec) -> str:
    return (
        f"## {spec.model}: rollback\n\n{RollbackOperator.task_doc_md}\n\nThe same from a terminal: "
        f"`airworthy rollback {spec.model}`. What was done, and why: `airworthy ledger {spec.model}`."
    )
