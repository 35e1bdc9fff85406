"""Factories of alerts about approvals: asked for, not answered yet, expired. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airworthy.alerts.alert import Alert
from airworthy.handover import Approval
from airworthy.spec.fields import format_duration

Links = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """The question of an approval.

    Attributes:
        model: The model.
        version: The version.
        run_id: The run that asks.
        expires_at: The time after which no answer counts as a rejection, UTC.
        approvers: The people who may answer; empty: everybody with the right to approve.
    """

    model: str
    version: str
    run_id: str
    expires_at: datetime
    approvers: Sequence[str] = ()


def approval_waiting(question: Question, links: Links) -> Alert:
    """Return the alert about an approval that is asked for."""
    model, version = question.model, question.version
    return Alert(
        kind="approval_waiting",
        model=model,
        about=_about(question),
        severity="critical",
        title=f"{model}: version {version} waits for an approval",
        text=f"No answer by {_time(question.expires_at)} counts as a rejection.",
        facts=_facts(question),
        links=dict(links),
        next_step="approve or reject it under Required actions of the task",
    )


def approval_reminder(question: Question, now: datetime, share: float, links: Links) -> Alert:
    """Return the reminder of an approval that is still waited for.

    Args:
        question: The question.
        now: The present time, UTC.
        share: The share of the time for an answer that is over. There is one alert for each.
        links: Links to the evidence.
    """
    left = _rounded(question.expires_at - now)
    return Alert(
        kind="approval_reminder",
        model=question.model,
        about=f"{_about(question)} after {share:.0%}",
        severity="critical",
        title=f"{question.model}: {left} left to approve version {question.version}",
        text=f"Nobody has answered. No answer by {_time(question.expires_at)} counts as a "
        "rejection.",
        facts=_facts(question),
        links=dict(links),
        next_step="approve or reject it under Required actions of the task",
    )


def approval_expired(approval: Approval, run_id: str, links: Links) -> Alert:
    """Return the alert about an approval that nobody gave in time.

    Args:
        approval: The record of it.
        run_id: The run that asked.
        links: Links to the evidence.
    """
    model, version = approval.model, approval.version
    return Alert(
        kind="approval_expired",
        model=model,
        about=f"version {version} {run_id}",
        severity="critical",
        title=f"{model}: nobody approved version {version} in time, the champion stays",
        text=f"The time for an answer was over at {_time(approval.at)}.",
        facts={"version": version, "run": run_id},
        links=dict(links),
        next_step="clear the task approve of the run: it asks again",
    )


def _about(question: Question) -> str:
    return f"version {question.version} {question.run_id}"


def _facts(question: Question) -> dict[str, str]:
    approvers = ", ".join(question.approvers) or "everybody with the right to approve"
    return {
        "version": question.version,
        "run": question.run_id,
        "expires": _time(question.expires_at),
        "who may answer": approvers,
    }


def _rounded(left: timedelta) -> str:
    """Return a duration in whole hours, minutes or seconds, whichever has two or more."""
    units = (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
    unit = next((unit for unit in units if left >= 2 * unit), units[-1])
    return format_duration(max(round(left / unit), 1) * unit)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
