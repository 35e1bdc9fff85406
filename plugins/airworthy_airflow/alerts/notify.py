"""Notifies people of an alert: each channel once. A failing channel stops no other and no run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from airworthy.alerts.alert import Alert
from airworthy.alerts.routing import channels_for
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError
from airworthy.masking import masked
from airworthy.spec import load_spec
from airworthy.spec.alerts_part import Channel
from airworthy_airflow.alerts.channels import notifier_for
from airworthy_airflow.alerts.rendering import plain_text


class Log(Protocol):
    """The part of a task's log that alerts use."""

    def info(self, message: str, /, *values: object) -> None:
        """Log progress."""

    def warning(self, message: str, /, *values: object) -> None:
        """Log something that a person may want to know."""

    def error(self, message: str, /, *values: object) -> None:
        """Log a failure."""


def notify(alert: Alert, run_id: str, log: Log) -> None:
    """Send an alert by every channel that takes it and does not have it yet. Record that in log and ledger.

    Nothing is raised. A failure is in the log, and a later try sends to the remaining channels.

    Args:
        alert: The alert.
        run_id: The DAG run that raised it.
        log: The task's log.
    """
    try:
        environment = load_environment()
        rules = load_spec(environment.models / alert.model / "model.yaml").alerts
        if alert.kind not in rules.kinds:
            log.info("%s is not told: the spec's alerts.kinds leave it out", alert.kind)
            return
        _notify_once(
            alert, channels_for(alert.kind, alert.model, rules, environment.alerts), run_id, log
        )
    # The subject of the alert is done already. No failure in sending may undo it.
    except Exception as error:
        log.error(
            "this could not be told, or not be written down:\n%s\n%s",
            "\n".join(alert.lines),
            masked(str(error)),
        )


def notify_of(make: Callable[[], Alert | None], run_id: str, log: Log) -> None:
    """Make an alert and send it, if there is one. Nothing is raised, not by the making either.

    Args:
        make: Makes the alert; None: there is nothing to tell.
        run_id: The DAG run that raised it.
        log: The task's log.
    """
    try:
        alert = make()
    # An alert's words come from the stage's output. A missing one must not undo what is done.
    except Exception as error:
        log.error("an alert could not be made: %s: %s", type(error).__name__, masked(str(error)))
        return
    if alert is not None:
        notify(alert, run_id, log)


def _notify_once(alert: Alert, channels: Collection[Channel], run_id: str, log: Log) -> None:
    from airworthy.alerts.sent_alerts import notified_channels, record_alert
    from airworthy.ledger import open_ledger

    ledger, before = open_ledger(load_environment(), alert.model), None
    try:
        before = notified_channels(ledger.entries(), alert)
    except AirworthyError as error:
        log.warning("the ledger does not say who was told before, so all are told:\n%s", error)
    waiting = [channel for channel in channels if channel.name not in (before or ())]
    if before is not None and not waiting:
        log.info("%s (%s): everybody was told before", alert.kind, alert.about)
        return
    log.warning("%s", plain_text(alert, [channel.name for channel in waiting]))
    sent = [channel.name for channel in waiting if _send(channel, alert, log)]
    try:
        record_alert(ledger, alert, sent, run_id, first=before is None)
    except AirworthyError as error:
        log.warning("the alert could not be written down, and may be told again:\n%s", error)


def _send(channel: Channel, alert: Alert, log: Log) -> bool:
    """Send the alert by one channel and return whether that succeeded."""
    try:
        notifier_for(channel, alert).notify({})
    # Each provider has its own errors. None of them may fail a run or stop another channel.
    except Exception as error:
        log.error(
            "%s could not be told: %s: %s", channel.name, type(error).__name__, masked(str(error))
        )
        return False
    log.info("%s was told", channel.name)
    return True
