"""The score DAG of one model."""

from __future__ import annotations

from copy import copy

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from airworthy.days import midnight
from airworthy.environment import Environment
from airworthy.spec import ModelSpec
from airworthy.spec.fields import format_duration
from airworthy.spec.score_part import Score
from airworthy_airflow.alerts.deadline import deadline_of
from airworthy_airflow.dag_factories.task_doc import CLEAR, TaskDoc, codes, document
from airworthy_airflow.operators import IngestInputsOperator, ScoreOperator

PARAMS = {
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="As of",
        description="Exclusive end (UTC) of the window to score. Empty: the run's data interval, or today.",
    ),
}


def build_score_dag(spec: ModelSpec, score: Score, environment: Environment) -> DAG:
    """Return ``<model>__score``: ``ingest_inputs >> score``, as the spec's ``score`` part says.

    Args:
        spec: The model's spec.
        score: The spec's ``score`` part.
        environment: The environment, with its channels.
    """
    schedule = score.schedule
    with DAG(
        dag_id=f"{spec.model}__score",
        description=f"Scores the newest rows of {spec.model} with the champion.",
        schedule=CronDataIntervalTimetable(schedule, timezone="UTC") if schedule else None,
        start_date=midnight(spec.start),
        catchup=False,
        max_active_runs=1,
        tags={"airworthy", "score", spec.model},
        default_args={"owner": spec.owner},
        deadline=deadline_of(spec, environment),
        doc_md=_doc(spec, score),
    ) as dag:
        inputs = IngestInputsOperator(task_id="ingest_inputs", model=spec.model)
        inputs >> ScoreOperator(
            task_id="score", model=spec.model, inputs={"scoring_inputs": inputs.output}
        )
    document(dag, spec.model, _task_docs(spec, score))
    dag.params.update({name: copy(param) for name, param in PARAMS.items()})
    return dag


def _task_docs(spec: ModelSpec, score: Score) -> dict[str, TaskDoc]:
    window = f"Window: {format_duration(score.window)} before the end of the run's data interval."
    return {
        "ingest_inputs": TaskDoc(
            f"there is no champion, or the source could not be read; the log says which. {CLEAR}",
            (
                window,
                f"{len(spec.inputs)} columns: {codes(spec.inputs)}.",
                f"More than {spec.ingest.max_bad_share:.2%} rows in quarantine stop the run.",
            ),
        ),
        "score": TaskDoc(
            "the version's files are not those that the ledger names, or a row could not be scored; the log names the "
            f"file, the feature and the row. {CLEAR} A day that was scored is not scored again.",
            (window,),
        ),
    }


def _doc(spec: ModelSpec, score: Score) -> str:
    rows = "its own source" if score.source else "the model's source"
    return "\n\n".join(
        [
            f"## {spec.model}: score",
            f"Scores the {format_duration(score.window)} of rows from {rows} that end with the run's data interval, in "
            "UTC days, with the champion that there is when the run begins. A day is scored once for each version and "
            "content: a repeated run writes nothing. A backfill scores each run's own window.",
            f"Where the predictions are: `<lake>/{spec.model}/batch_predictions`, a Delta table, with the exact "
            "version in every row. Where a prediction comes from: `airworthy lineage ID`. The same from a terminal: "
            f"`airworthy score {spec.model}`.",
        ]
    )
