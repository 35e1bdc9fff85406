"""The score DAG and its operators: the spec's settings, and each run's window."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from airworthy.environment import Environment, load_environment
from airworthy.handover import BatchScore
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.score_part import Score
from airworthy_airflow.asset_events import emit
from airworthy_airflow.assets import scores_asset
from airworthy_airflow.dag_factories.score_dag import build_score_dag
from airworthy_airflow.operators import ScoreOperator
from airworthy_airflow.operators.score_operators import asset_news
from airworthy_airflow.operators.stage_operator import request_of

MODEL = "delivery_late"


@pytest.fixture
def spec(environment: Environment) -> ModelSpec:
    """The shipped model's spec."""
    return load_spec(environment.models / MODEL / "model.yaml")


def test_without_a_schedule_it_waits_for_a_person(spec: ModelSpec) -> None:
    """``schedule: null`` leaves the DAG to be run by hand or by trigger; its page tells the window."""
    dag = build_score_dag(
        spec, Score.model_validate({"schedule": None, "window": "7d"}), load_environment()
    )
    assert type(dag.timetable).__name__ == "NullTimetable"
    assert "Scores the 7d of rows from the model's source" in str(dag.doc_md)
    own = Score.model_validate({"source": {"type": "simulator"}})
    assert "from its own source" in str(build_score_dag(spec, own, load_environment()).doc_md)


@pytest.mark.parametrize(
    ("run_type", "reason"), [("backfill", "backfill"), ("scheduled", "scheduled")]
)
def test_each_run_of_a_backfill_ends_with_its_own_interval(
    environment: Environment, run_type: str, reason: str
) -> None:
    """A nightly run, late or made up for, scores the last days of its own data interval."""
    for day in (20, 21):
        interval = {
            f"data_interval_{end}": datetime(2026, 3, day - n, 4, tzinfo=UTC)
            for n, end in ((1, "start"), (0, "end"))
        }
        run = SimpleNamespace(
            run_type=run_type,
            run_after=datetime(2026, 6, 1, tzinfo=UTC),
            run_id=f"{run_type}-{day}",
            dag_id=f"{MODEL}__score",
            **interval,
        )
        request = request_of({"dag_run": run, "params": {"as_of": None}}, MODEL)
        assert (request.as_of, request.reason) == (datetime(2026, 3, day, tzinfo=UTC), reason)


def test_what_was_settled_at_the_start_is_what_the_second_task_needs(
    environment: Environment,
) -> None:
    """A score task without inputs says so, and is not tried again."""
    run = SimpleNamespace(
        run_type="manual",
        run_after=datetime(2026, 3, 20, tzinfo=UTC),
        run_id="r",
        dag_id=f"{MODEL}__score",
    )
    context: Any = {"dag_run": run, "params": {}}
    with pytest.raises(AirflowFailException, match="lacks 'scoring_inputs'"):
        ScoreOperator(task_id="score", model=MODEL).execute(context)


def test_days_with_new_scores_are_one_event_and_none_is_no_event() -> None:
    """The event's extra has the days; a run that scored nothing gives up its outlet."""
    moment, asset = datetime(2026, 3, 20, tzinfo=UTC), scores_asset(MODEL)
    for days in (["2026-03-18", "2026-03-19"], []):
        score = BatchScore.model_validate(
            {
                "model": MODEL,
                "version": "3",
                "bundle_digest": "d",
                "table": "t",
                "table_version": 7,
                "window": {"start": moment, "end": datetime(2026, 3, 21, tzinfo=UTC)},
                "partitions": dict.fromkeys(days, "new"),
                "rows": 10,
                "rows_written": 10,
                "quarantined": 0,
                "days_written": days,
            }
        )
        operator = ScoreOperator(task_id="score", model=MODEL)
        run: Any = SimpleNamespace(run_id="r")
        given = {"dag_run": run, "outlet_events": OutletEventAccessors()}
        emit(operator, given, asset, asset_news(score, moment))
        assert [outlet.uri for outlet in operator.outlets] == ([asset.uri] if days else [])
        if days:
            assert given["outlet_events"][asset].extra["days"] == days
