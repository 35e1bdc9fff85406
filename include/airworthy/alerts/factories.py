"""From what a stage found to what people are told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from airworthy.alerts.alert import Alert
from airworthy.errors import TerminalError
from airworthy.handover import AgeCheck, DriftDecision, RolloutStatus
from airworthy.spec.fields import format_duration

Links = Mapping[str, str]


def retraining(decision: DriftDecision, links: Links, *, started: bool) -> Alert:
    """Tell that the monitor decided to train again.

    Args:
        decision: One with the outcome ``retrain``.
        links: Where the evidence is.
        started: Whether the training could be started; it could not when its DAG is paused.
    """
    model, window = decision.model, _window(decision)
    told = "is trained again" if started else "should be trained again, and its train DAG is paused"
    return Alert(
        kind=decision.reason or "drift",
        model=model,
        about=window if started else f"{window} not started",
        severity="warning" if started else "critical",
        title=f"{model} {told}",
        text="\n".join([decision.told, *_fired(decision)]),
        facts={**_decided(decision), "training": str(decision.train_run_id)},
        links=_with_file(links, decision),
        next_step="nothing: the run's gates decide whether the new version takes over"
        if started
        else f"unpause {model}__train, then clear this task",
    )


def circuit_breaker(decision: DriftDecision, links: Links) -> Alert:
    """Tell that the monitor trains no more, because too many challengers in a row were refused."""
    model = decision.model
    return Alert(
        kind="circuit_breaker",
        model=model,
        about=_window(decision),
        severity="critical",
        title=f"{model} is not trained again by itself any more",
        text="\n".join([decision.told, *_fired(decision)]),
        facts={**_decided(decision), "refused in a row": str(decision.rejected_in_a_row)},
        links=_with_file(links, decision),
        next_step=f"airworthy ledger {model} says why they were refused; correct the data, the spec or the gates, "
        f"then start {model}__train",
    )


def guard_trip(status: RolloutStatus, run_id: str, links: Links) -> Alert:
    """Tell that a rollout was ended before its time; all of the traffic is back on the champion."""
    arms = (("champion", status.champion), ("challenger", status.challenger))
    seen = {
        role: f"{arm.requests:,} requests, {arm.errors:,} errors"
        for role, arm in arms
        if arm is not None
    }
    step = "shadow" if status.step == "shadow" else f"{status.step} %"
    return Alert(
        kind="guard_trip",
        model=status.model,
        about=f"version {status.version} {run_id}",
        severity="critical",
        title=f"{status.model}: the rollout of version {status.version} was ended, the champion has all traffic",
        text="\n".join(status.reasons),
        facts={"version": status.version, "step": step, **seen},
        links=dict(links),
        next_step=f"airworthy ledger {status.model} has the figures; look at them before another release",
    )


def failed_validation(model: str, dataset: str, error: TerminalError, links: Links) -> Alert:
    """Tell that the data are not fit to learn from.

    Args:
        model: The model.
        dataset: The dataset version's id.
        error: What the stage said.
        links: Where the evidence is.
    """
    return Alert(
        kind="failed_validation",
        model=model,
        about=dataset,
        severity="critical",
        title=f"{model}: the data are not fit to train on, the champion stays",
        text=error.problem,
        facts={
            "dataset": dataset,
            **({"found": str(error.received)} if error.received is not None else {}),
        },
        links=dict(links),
        next_step=error.next_step
        or "look at the task's log, correct the source or the expectation",
    )


def too_old(check: AgeCheck, links: Links) -> list[Alert]:
    """Tell that the champion is too old, or that the data are too late: once for each champion, and each last day."""
    model, facts, found = check.model, {"as of": f"{check.as_of:%Y-%m-%d %H:%M} UTC"}, []
    if check.champion_too_old:
        found.append(
            Alert(
                kind="champion_age",
                model=model,
                about=f"version {check.champion}",
                severity="warning",
                title=f"{model}: the champion is too old",
                text=check.champion_words,
                facts=facts,
                links=dict(links),
                next_step=f"airworthy ledger {model} says why nothing newer took over; then start {model}__train",
            )
        )
    if check.data_too_late:
        found.append(
            Alert(
                kind="data_delay",
                model=model,
                about=f"until {check.data_until:%Y-%m-%d}",
                severity="warning",
                title=f"{model}: new data are late",
                text=check.data_words,
                facts=facts,
                links=dict(links),
                next_step="see whether the source still delivers, then start the monitor again",
            )
        )
    return found


def late_run(
    model: str,
    dag_id: str,
    run_id: str,
    state: str,
    queued_at: datetime,
    deadline: datetime,
    links: Links,
) -> Alert:
    """Tell that a run has not succeeded by its deadline: it still runs, or it failed and nobody repaired it."""
    now = "failed" if state == "failed" else "has not ended"
    return Alert(
        kind="late_run",
        model=model,
        about=f"{dag_id} {run_id}",
        severity="critical",
        title=f"{dag_id}: a run {now} {format_duration(_whole_seconds(deadline - queued_at))} after it was queued",
        text=f"It was to have succeeded by {deadline:%Y-%m-%d %H:%M} UTC.",
        facts={"run": run_id, "state": state, "queued": f"{queued_at:%Y-%m-%d %H:%M} UTC"},
        links=dict(links),
        next_step="look at the run: a task waits, failed, or takes too long",
    )


def _window(decision: DriftDecision) -> str:
    return f"{decision.window_start:%Y-%m-%dT%H:%M} to {decision.window_end:%Y-%m-%dT%H:%M}"


def _fired(decision: DriftDecision) -> list[str]:
    return [
        f"{signal}: {decision.words[signal]}"
        for signal, said in decision.signals.items()
        if said == "fired"
    ]


def _decided(decision: DriftDecision) -> dict[str, str]:
    return {"window": f"{_window(decision)} UTC", "champion": f"version {decision.champion}"}


def _with_file(links: Links, decision: DriftDecision) -> dict[str, str]:
    return {**links, "decision": decision.evidence}


def _whole_seconds(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))
