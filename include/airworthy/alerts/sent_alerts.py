"""That an alert was raised and who was told of it: entries of the model's ledger, so that nobody is told twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airworthy.alerts.alert import Alert
from airworthy.ledger import Entry, Ledger
from airworthy.ledger.events import AlertRaised
from airworthy.ledger.ledger_queries import of_kind


def already_sent(entries: Iterable[Entry], alert: Alert) -> set[str] | None:
    """Return the names of the channels that were told of an alert; None: it was never raised."""
    told = [
        set(entry.event.told)
        for entry in of_kind(entries, AlertRaised)
        if entry.event.key == alert.key
    ]
    return set().union(*told) if told else None


def record(ledger: Ledger, alert: Alert, told: Sequence[str], run_id: str, *, first: bool) -> None:
    """Write down that an alert was raised, and which channels have been told just now.

    Args:
        ledger: The model's ledger.
        alert: The alert.
        told: The channels' names.
        run_id: The run that raised it.
        first: Whether it was never raised before; else there is nothing to write unless somebody was told.

    Raises:
        TransientError: when the ledger cannot be reached.
    """
    if not first and not told:
        return
    content = alert.model_dump(mode="json")
    raised = AlertRaised(
        key=alert.key, told=list(told), title=alert.title, alert=content, first=first
    )
    ledger.append(raised, run_id=run_id, who="airworthy")
