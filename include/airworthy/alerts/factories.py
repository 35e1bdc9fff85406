"""Factories of alerts, one per event of a stage or a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.alerts.alert import Alert
from airworthy.errors import TerminalError
from airworthy.handover import AgeCheck, DriftDecision, RolloutStatus
from airworthy.shown_text import as_lines
from airworthy.spec.fields import format_duration

Links = Mapping[str, str]


def retraining(decision: DriftDecision, links: Links, *, started: bool) -> Alert:
    """Return the alert about a triggered training.

    Args:
        decision: A decision with the outcome ``retrain``.
        links: Links to the evidence.
        started: Whether the training has started. It has not if its DAG is paused.
    """
    model, window = decision.model, _window(decision)
    event = (
        "is trained again" if started else "should be trained again, and its train DAG is paused"
    )
    return Alert(
        kind=decision.reason or "drift",
        model=model,
        about=window if started else f"{window} not started",
        severity="warning" if started else "critical",
        title=f"{model} {event}",
        text=_decision_text(decision),
        facts={**_decision_facts(decision), "training": str(decision.train_run_id)},
        links=_with_decision(links, decision),
        next_step="nothing: the run's gates decide whether the new version takes over"
        if started
        else f"unpause {model}__train, then clear this task",
    )


def circuit_breaker(decision: DriftDecision, links: Links) -> Alert:
    """Return the alert about a stop of retraining: too many challengers in a row were refused."""
    model = decision.model
    return Alert(
        kind="circuit_breaker",
        model=model,
        about=_window(decision),
        severity="critical",
        title=f"{model} is not trained again by itself any more",
        text=_decision_text(decision),
        facts={**_decision_facts(decision), "refused in a row": str(decision.rejected_in_a_row)},
        links=_with_decision(links, decision),
        next_step=f"airworthy ledger {model} says why they were refused; "
        f"correct the data, the spec or the gates, then start {model}__train",
    )


def guard_trip(status: RolloutStatus, run_id: str, links: Links) -> Alert:
    """Return the alert about a rollout ended by the guard. The champion has all traffic again.

    Args:
        status: The rollout's last status.
        run_id: The run of the rollout.
        links: Links to the evidence.
    """
    arms = (("champion", status.champion), ("challenger", status.challenger))
    figures = {
        role: f"{arm.requests:,} requests, {arm.errors:,} errors"
        for role, arm in arms
        if arm is not None
    }
    step = "shadow" if status.step == "shadow" else f"{status.step} %"
    rollout = f"the rollout of version {status.version}"
    return Alert(
        kind="guard_trip",
        model=status.model,
        about=f"version {status.version} {run_id}",
        severity="critical",
        title=f"{status.model}: {rollout} was ended, the champion has all traffic",
        text=as_lines(status.reasons),
        facts={"version": status.version, "step": step, **figures},
        links=dict(links),
        next_step=f"airworthy ledger {status.model} has the figures; "
        "look at them before another release",
    )


def failed_validation(model: str, dataset: str, error: TerminalError, links: Links) -> Alert:
    """Return the alert about data that failed their validation.

    Args:
        model: The model.
        dataset: The dataset version's id.
        error: The error of the validate stage.
        links: Links to the evidence.
    """
    received = {"found": str(error.received)} if error.received is not None else {}
    return Alert(
        kind="failed_validation",
        model=model,
        about=dataset,
        severity="critical",
        title=f"{model}: the data are not fit to train on, the champion stays",
        text=error.problem,
        facts={"dataset": dataset, **received},
        links=dict(links),
        next_step=error.next_step
        or "look at the task's log, correct the source or the expectation",
    )


def too_old(check: AgeCheck, links: Links) -> list[Alert]:
    """Return the alerts about an old champion and about late data, if any.

    There is one for each champion, and one for each last day of the data.
    """
    model, facts = check.model, {"as of": f"{check.as_of:%Y-%m-%d %H:%M} UTC"}
    alerts = []
    if check.champion_too_old:
        alerts.append(
            Alert(
                kind="champion_age",
                model=model,
                about=f"version {check.champion}",
                severity="warning",
                title=f"{model}: the champion is too old",
                text=check.champion_age_text,
                facts=facts,
                links=dict(links),
                next_step=f"airworthy ledger {model} says why nothing newer took over; "
                f"then start {model}__train",
            )
        )
    if check.data_too_late:
        alerts.append(
            Alert(
                kind="data_delay",
                model=model,
                about=f"until {check.data_until:%Y-%m-%d}",
                severity="warning",
                title=f"{model}: new data are late",
                text=check.data_delay_text,
                facts=facts,
                links=dict(links),
                next_step="see whether the source still delivers, then start the monitor again",
            )
        )
    return alerts


@dataclass(frozen=True)
class LateRun:
    """A run without success at its deadline.

    Attributes:
        dag_id: Its DAG.
        run_id: Its run id.
        state: Its state in Airflow. A failed run has not been repaired.
        queued_at: The moment at which it was queued, UTC.
        deadline: Its deadline, UTC.
    """

    dag_id: str
    run_id: str
    state: str
    queued_at: datetime
    deadline: datetime


def late_run(model: str, run: LateRun, links: Links) -> Alert:
    """Return the alert about a late run.

    Args:
        model: The model.
        run: The run.
        links: Links to the run.
    """
    state = "failed" if run.state == "failed" else "has not ended"
    delay = format_duration(_whole_seconds(run.deadline - run.queued_at))
    return Alert(
        kind="late_run",
        model=model,
        about=f"{run.dag_id} {run.run_id}",
        severity="critical",
        title=f"{run.dag_id}: a run {state} {delay} after it was queued",
        text=f"It was to have succeeded by {run.deadline:%Y-%m-%d %H:%M} UTC.",
        facts={
            "run": run.run_id,
            "state": run.state,
            "queued": f"{run.queued_at:%Y-%m-%d %H:%M} UTC",
        },
        links=dict(links),
        next_step="look at the run: a task waits, failed, or takes too long",
    )


def _window(decision: DriftDecision) -> str:
    return f"{decision.window_start:%Y-%m-%dT%H:%M} to {decision.window_end:%Y-%m-%dT%H:%M}"


def _decision_text(decision: DriftDecision) -> str:
    """Return the decision in words, and a line for each signal that fired."""
    fired = [
        f"{signal}: {decision.words[signal]}"
        for signal, outcome in decision.signals.items()
        if outcome == "fired"
    ]
    return as_lines([decision.told, *fired])


def _decision_facts(decision: DriftDecision) -> dict[str, str]:
    return {"window": f"{_window(decision)} UTC", "champion": f"version {decision.champion}"}


def _with_decision(links: Links, decision: DriftDecision) -> dict[str, str]:
    return {**links, "decision": decision.evidence}


def _whole_seconds(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))
