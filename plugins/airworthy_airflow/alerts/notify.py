"""Telling people of an alert: each channel once, whatever becomes of the others, and never at the run's cost."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from airworthy.alerts.alert import Alert
from airworthy.alerts.routing import wanted
from airworthy.environment import load_environment
from airworthy.errors import AirworthyError
from airworthy.spec import load_spec
from airworthy.spec.alerts_part import Channel
from airworthy_airflow.alerts.channels import notifier_for
from airworthy_airflow.alerts.rendering import plain_text


class Log(Protocol):
    """What is needed of a task's log."""

    def info(self, message: str, /, *values: object) -> None:
        """Tell."""

    def warning(self, message: str, /, *values: object) -> None:
        """Tell of what somebody may want to know."""

    def error(self, message: str, /, *values: object) -> None:
        """Tell of a failure."""


def tell(alert: Alert, run_id: str, log: Log) -> None:
    """Tell of an alert by every channel that wants it and was not told yet; write into log and ledger what was done.

    Nothing is raised: what cannot be told or written down is in the log, and a later try tells whom this one could not.
    """
    try:
        environment = load_environment()
        rules = load_spec(environment.models / alert.model / "model.yaml").alerts
        if alert.kind not in rules.kinds:
            log.info("%s is not told: the spec's alerts.kinds leave it out", alert.kind)
            return
        _tell_once(alert, wanted(alert.kind, alert.model, rules, environment.alerts), run_id, log)
    # Whatever it is: what is told of is done already, and must not be undone by the telling.
    except Exception as error:
        log.error(
            "this could not be told, or not be written down:\n%s\n%s", "\n".join(alert.lines), error
        )


def _tell_once(alert: Alert, channels: Collection[Channel], run_id: str, log: Log) -> None:
    from airworthy.alerts.sent_alerts import already_sent, record
    from airworthy.ledger import open_ledger

    ledger, before = open_ledger(load_environment(), alert.model), None
    try:
        before = already_sent(ledger.entries(), alert)
    except AirworthyError as error:
        log.warning("the ledger does not say who was told before, so all are told:\n%s", error)
    waiting = [channel for channel in channels if channel.name not in (before or ())]
    if before is not None and not waiting:
        log.info("%s (%s): everybody was told before", alert.kind, alert.about)
        return
    log.warning("%s", plain_text(alert, [channel.name for channel in waiting]))
    told = [channel.name for channel in waiting if _told(channel, alert, log)]
    try:
        record(ledger, alert, told, run_id, first=before is None)
    except AirworthyError as error:
        log.warning("the alert could not be written down, and may be told again:\n%s", error)


def _told(channel: Channel, alert: Alert, log: Log) -> bool:
    """Send the alert by one channel; say whether that went well."""
    try:
        notifier_for(channel, alert).notify({})
    # Each provider has errors of its own, and none of them is a reason to fail a run or to hide another channel.
    except Exception as error:
        log.error("%s could not be told: %s: %s", channel.name, type(error).__name__, error)
        return False
    log.info("%s was told", channel.name)
    return True
