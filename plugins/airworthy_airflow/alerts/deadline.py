"""Runs that are late: Airflow's deadline alerts, which the scheduler looks after and the triggerer tells of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

# Airflow's stub of `airflow.sdk` leaves the three names out.
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from airworthy.alerts.factories import late_run
from airworthy.alerts.routing import wanted
from airworthy.environment import Environment
from airworthy.spec import ModelSpec
from airworthy_airflow.alerts.alert_links import run_links
from airworthy_airflow.alerts.notify import tell

log = logging.getLogger("airworthy.alerts")


def deadline_of(
    spec: ModelSpec, environment: Environment, waits: timedelta = timedelta(0)
) -> DeadlineAlert | None:
    """Return the deadline of each run of a model's DAG; None: its spec wants none, or nobody would be told of it.

    It counts from the moment in which the run was queued: a DAG that is turned on in the evening is not late for the
    morning. A callback that is awaited runs in the triggerer, which every executor has beside it.

    Args:
        spec: The model's spec.
        environment: Has the channels.
        waits: How long a run may wait for people and for rollouts, beside the spec's ``late_after``.
    """
    if spec.alerts.late_after is None or not wanted(
        "late_run", spec.model, spec.alerts, environment.alerts
    ):
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=spec.alerts.late_after + waits,
        callback=AsyncCallback(tell_of_late_run, kwargs={"model": spec.model}),
        name=f"{spec.model} is late",
    )


async def tell_of_late_run(model: str, context: Mapping[str, Any]) -> None:
    """Tell that a run has missed its deadline; a backfill, which nobody waits for, misses none.

    Args:
        model: The model.
        context: What Airflow gives: ``dag_run`` and ``deadline``, as JSON.
    """
    run, deadline = context["dag_run"], _moment(context["deadline"]["deadline_time"])
    if run["run_type"] == "backfill":
        return
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    alert = late_run(
        model,
        dag_id,
        run_id,
        run["state"],
        _moment(run["queued_at"]),
        deadline,
        run_links(dag_id, run_id),
    )
    # Sending waits for networks, and the triggerer's loop must not.
    await asyncio.to_thread(tell, alert, run_id, log)


def _moment(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
