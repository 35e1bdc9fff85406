"""The train DAG of one model, built from its spec."""

from __future__ import annotations

from copy import copy
from typing import get_args

from airflow.sdk import DAG, BaseOperator, Param, TaskGroup, XComArg, chain

from airworthy.days import midnight
from airworthy.environment import Environment
from airworthy.handover import Promote, TriggerReason
from airworthy.release.release_rules import ReleaseRules, release_rules
from airworthy.spec import ModelSpec
from airworthy_airflow.alerts.deadline import deadline_of
from airworthy_airflow.dag_factories.release_task_docs import release_task_docs
from airworthy_airflow.dag_factories.schedule import train_schedule
from airworthy_airflow.dag_factories.task_doc import document
from airworthy_airflow.dag_factories.train_doc import train_doc
from airworthy_airflow.dag_factories.train_task_docs import train_task_docs
from airworthy_airflow.operators import (
    ApproveOperator,
    DeployProductionOperator,
    DeployStagingOperator,
    EndRolloutOperator,
    EvaluateOperator,
    IngestOperator,
    RegisterOperator,
    RolloutOperator,
    TrainOperator,
    ValidateOperator,
)

PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="As of",
        description="Exclusive end (UTC) of the data that the run sees. Empty: the run's data interval, or today.",
    ),
    "reason": Param(
        None,
        type=["null", "string"],
        enum=[None, *get_args(TriggerReason)],
        title="Reason",
        description="Recorded with the version. Empty: scheduled, backfill, new_data or manual, by the run.",
    ),
    "parameters": Param(
        {},
        type="object",
        title="XGBoost parameters",
        description='Override the spec\'s train.parameters for this run, for example {"max_depth": 8}.',
    ),
    "promote": Param(
        "auto",
        type="string",
        enum=list(get_args(Promote)),
        title="Promote",
        description="auto: release when every gate passes, but never from a backfill. always: from a backfill too. "
        "never: stop after registering. No choice overrules a gate.",
    ),
    "refresh": Param(
        None,
        type=["null", "string"],
        pattern=r"^(\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?)?$",
        title="Refresh",
        description="Days (UTC) to read again from the source, although they are final: one day, or "
        "FROM..TO, such as 2026-01-01..2026-01-31.",
    ),
}


def build_train_dag(spec: ModelSpec, environment: Environment) -> DAG:
    """Return ``<model>__train``: ``ingest >> validate >> train >> evaluate >> register >> release``.

    The release is ``deploy_staging``, ``approve`` where a person must, ``rollout_<step>`` for each
    step that is watched, and ``deploy_production``, as the spec and the environment say.

    The DAG has no end even when the source's data have: Airflow ends a run by hand after a DAG's
    end at once, as a success without a single task. Such runs see the last window with data
    (`airworthy_airflow.windows`).
    """
    rules = release_rules(spec, environment)
    with DAG(
        dag_id=f"{spec.model}__train",
        description=spec.description or f"Trains, judges and releases {spec.model}.",
        schedule=train_schedule(spec),
        start_date=midnight(spec.start),
        catchup=False,
        max_active_runs=2,
        tags={"airworthy", "train", spec.model, spec.task},
        default_args={"owner": spec.owner},
        deadline=deadline_of(spec, environment, rules.longest_wait),
        doc_md=train_doc(spec, rules),
    ) as dag:
        _tasks(spec, rules)
    document(dag, spec.model, {**train_task_docs(spec), **release_task_docs(spec, rules)})
    # Given last: each operator would take deep copies, and each DAG would check the same schemas
    # again. A task finds the DAG's parameters in its context all the same.
    dag.params.update({name: copy(param) for name, param in PARAMS.items()})
    return dag


def _tasks(spec: ModelSpec, rules: ReleaseRules) -> None:
    model = spec.model
    ingest = IngestOperator(task_id="ingest", model=model)
    dataset = ingest.output
    validate = ValidateOperator(task_id="validate", model=model, inputs={"dataset": dataset})
    train = TrainOperator(task_id="train", model=model, inputs={"dataset": dataset})
    trained = {"dataset": dataset, "challenger": train.output}
    evaluate = EvaluateOperator(task_id="evaluate", model=model, inputs=trained)
    judged = {**trained, "validation": validate.output, "verdict": evaluate.output}
    register = RegisterOperator(task_id="register", model=model, inputs=judged)
    candidate = {**trained, "verdict": evaluate.output, "version": register.output}
    with TaskGroup(
        "release", tooltip="Parity in staging, approval, rollout, production"
    ) as release:
        _release(spec, rules, candidate)
    ingest >> validate >> train >> evaluate >> register >> release


def _release(spec: ModelSpec, rules: ReleaseRules, candidate: dict[str, XComArg]) -> None:
    """Make the tasks of a release, one after the other; which there are is the rules' choice."""
    model = spec.model
    staging = DeployStagingOperator(task_id="deploy_staging", model=model, inputs=candidate)
    checked = {**candidate, "parity": staging.output}
    path: list[BaseOperator] = [staging]
    if rules.approval == "required":
        path.append(
            ApproveOperator(
                task_id="approve",
                model=model,
                inputs=checked,
                approvers=spec.release.approvers,
                response_timeout=rules.approval_timeout,
            )
        )
    watched = {key: candidate[key] for key in ("verdict", "version")}
    path += [
        RolloutOperator(task_id=f"rollout_{step}", model=model, inputs=watched, step=step)
        for step in rules.guarded_steps
    ]
    path.append(DeployProductionOperator(task_id="deploy_production", model=model, inputs=checked))
    chain(*path)
    if rules.guarded_steps:
        end = EndRolloutOperator(
            task_id="end_rollout", model=model, inputs=watched, step=rules.guarded_steps[-1]
        )
        # A teardown runs whatever became of the tasks before it, also when the run is marked as
        # failed by hand. Then the tasks that had not run are skipped, and a run that ends with them
        # would count as a success.
        path[-1] >> end.as_teardown(setups=staging, on_failure_fail_dagrun=True)
