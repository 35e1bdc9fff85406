"""Late runs: Airflow's deadline alerts. The scheduler notices them, the triggerer sends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

# Airflow's stub of `airflow.sdk` leaves the three names out.
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from airworthy.alerts.factories import LateRun, late_run
from airworthy.alerts.routing import channels_for
from airworthy.environment import Environment
from airworthy.spec import ModelSpec
from airworthy_airflow.alerts.alert_links import run_links
from airworthy_airflow.alerts.notify import notify

log = logging.getLogger("airworthy.alerts")


def deadline_of(
    spec: ModelSpec, environment: Environment, waits: timedelta = timedelta(0)
) -> DeadlineAlert | None:
    """Return the deadline of each run of a model's DAG. None: the spec has none, or no channel takes it.

    It counts from the moment the run was queued: a DAG turned on in the evening is not late for the
    morning. An awaited callback runs in the triggerer, with every executor.

    Args:
        spec: The model's spec.
        environment: The environment, with its channels.
        waits: Time for people and rollouts, added to the spec's ``late_after``.
    """
    if spec.alerts.late_after is None or not channels_for(
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
    """Notify people of a run that missed its deadline. A backfill misses none: nobody waits for it.

    Args:
        model: The model.
        context: Airflow's ``dag_run`` and ``deadline``, as JSON.
    """
    run, deadline = context["dag_run"], _moment(context["deadline"]["deadline_time"])
    if run["run_type"] == "backfill":
        return
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    late = LateRun(dag_id, run_id, run["state"], _moment(run["queued_at"]), deadline)
    alert = late_run(model, late, run_links(dag_id, run_id))
    # Sending waits for networks. The triggerer's event loop must not.
    await asyncio.to_thread(notify, alert, run_id, log)


def _moment(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
