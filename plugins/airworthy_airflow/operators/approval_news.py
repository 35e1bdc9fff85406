"""People are told of an approval: that it waits, before it expires, and of an answer that is no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airworthy.handover import Approval

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airworthy.alerts.alert import Alert
    from airworthy_airflow.alerts.notify import Log

SHARES = (0.5, 0.9)
"""The shares of the time for an answer after which people are reminded."""


class _Asker(Protocol):
    """The part of the approval's operator that is used here."""

    model: str
    inputs: dict[str, Any]

    @property
    def assigned_users(self) -> Any:
        """The people who may answer."""

    @property
    def log(self) -> Log:
        """The task's log."""


@dataclass(frozen=True)
class ApprovalWait:
    """The time of a question: ``[asked_at, expires_at)``, UTC."""

    asked_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, asked_at: datetime, timeout: timedelta) -> ApprovalWait:
        """Return the wait of a question that is asked now."""
        return cls(asked_at, asked_at + timeout)

    @classmethod
    def from_json(cls, values: Mapping[str, str]) -> ApprovalWait:
        """Read it from the arguments of a resumed task."""
        moments = {name: datetime.fromisoformat(value) for name, value in values.items()}
        return cls(**moments)

    def to_json(self) -> dict[str, str]:
        """Return it as the arguments of a task that waits."""
        return {
            "asked_at": self.asked_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }

    def is_open(self, now: datetime) -> bool:
        """Tell whether there is still time for an answer."""
        return now < self.expires_at

    def until_next(self, now: datetime) -> timedelta:
        """Return the time until the next reminder or the end, at least a second."""
        moments = [*(self._after(share) for share in SHARES), self.expires_at]
        coming = [moment for moment in moments if moment > now]
        return max((min(coming) if coming else now) - now, timedelta(seconds=1))

    def share_over(self, now: datetime) -> float | None:
        """Return the last share of `SHARES` that is over; None before the first one."""
        return max((share for share in SHARES if self._after(share) <= now), default=None)

    def _after(self, share: float) -> datetime:
        return self.asked_at + share * (self.expires_at - self.asked_at)


def tell_of_wait(operator: _Asker, context: Context, wait: ApprovalWait) -> None:
    """Notify people that an approval waits, or remind them of it.

    Args:
        operator: The approval's operator.
        context: The task's context.
        wait: The time for an answer.
    """
    from airworthy_airflow.alerts.notify import notify_of

    now = datetime.now(UTC)
    run_id = context["dag_run"].run_id
    notify_of(lambda: _alert_of_wait(operator, context, wait, now), run_id, operator.log)


def tell_of_answer(operator: _Asker, context: Context, approval: Approval) -> None:
    """Notify people of a rejection, or that nobody answered in time.

    Args:
        operator: The approval's operator.
        context: The task's context.
        approval: The recorded answer.
    """
    from airworthy_airflow.alerts.notify import notify_of

    if approval.approved:
        return
    run_id = context["dag_run"].run_id
    notify_of(lambda: _alert_of_answer(context, approval, run_id), run_id, operator.log)


def _alert_of_wait(operator: _Asker, context: Context, wait: ApprovalWait, now: datetime) -> Alert:
    from airworthy.alerts.approval_alerts import Question, approval_reminder, approval_waiting
    from airworthy_airflow.alerts.alert_links import version_links

    run_id, version = context["dag_run"].run_id, operator.inputs["version"]["version"]
    approvers = [str(user["name"]) for user in operator.assigned_users or []]
    question = Question(operator.model, version, run_id, wait.expires_at, approvers)
    links = version_links(context, operator.model, version)
    share = wait.share_over(now)
    if share is None:
        return approval_waiting(question, links)
    return approval_reminder(question, now, share, links)


def _alert_of_answer(context: Context, approval: Approval, run_id: str) -> Alert:
    from airworthy.alerts.approval_alerts import approval_expired
    from airworthy.alerts.release_alerts import rejected_by_person
    from airworthy_airflow.alerts.alert_links import version_links

    links = version_links(context, approval.model, approval.version)
    if approval.decision == "timeout":
        return approval_expired(approval, run_id, links)
    return rejected_by_person(approval, run_id, links)
