"""The record of sent alerts in the model's ledger. With it, no channel is notified twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airworthy.alerts.alert import Alert
from airworthy.ledger import Entry, Ledger
from airworthy.ledger.events import AlertRaised
from airworthy.ledger.ledger_queries import of_kind


def notified_channels(entries: Iterable[Entry], alert: Alert) -> set[str] | None:
    """Return the names of the channels already notified of an alert; None: it is new."""
    notified = [
        set(entry.event.told)
        for entry in of_kind(entries, AlertRaised)
        if entry.event.key == alert.key
    ]
    return set().union(*notified) if notified else None


def record_alert(
    ledger: Ledger, alert: Alert, notified: Sequence[str], run_id: str, *, first: bool
) -> None:
    """Record an alert and the channels just notified of it.

    Args:
        ledger: The model's ledger.
        alert: The alert.
        notified: The channels' names.
        run_id: The run behind the alert.
        first: Whether the alert is new. An old alert without notified channels is not recorded.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    if not first and not notified:
        return
    content = alert.model_dump(mode="json")
    event = AlertRaised(
        key=alert.key, told=list(notified), title=alert.title, alert=content, first=first
    )
    ledger.append(event, run_id=run_id, who="airworthy")
