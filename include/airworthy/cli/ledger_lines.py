"""One line in words for each entry of a ledger. Pure. ``--json`` prints whole entries."""

from __future__ import annotations

from datetime import datetime

from airworthy.ledger import Entry
from airworthy.ledger.ledger_queries import ServicePeriod
from airworthy.model_status.entry_words import entry_words
from airworthy.shown_text import one_line


def ledger_line(entry: Entry) -> str:
    """Return number, time, kind, author, decision and reasons of an entry, on one line."""
    words = entry_words(entry)
    if entry.order_time is not None:
        words += f" (by a clock that was behind: an entry before is of {entry.order_time})"
    return one_line(
        f"{entry.sequence:>4}  {entry.time}  {entry.kind:<16}  {author(entry)}  {words}"
    )


def served_lines(model: str, moment: datetime, service: ServicePeriod | None) -> list[str]:
    """Return the champion at a moment as lines.

    Args:
        model: The model.
        moment: The moment, UTC.
        service: The champion's time; None: there was no champion.
    """
    at = moment.isoformat()
    if service is None:
        return [f"{model}: no version served at {at}: none had been released yet"]
    evidence = service.evidence
    verdict = [str(evidence["verdict"] or "not recorded"), *evidence["verdict_reasons"]]
    behind = f" (by the order of the entries; the clock said {service.clock})"
    values = {
        "since": f"{service.since}{behind if service.clock else ''}",
        "until": service.until or "it serves still",
        "reason": service.reason,
        "run": service.run_id,
        "who": author(service),
        "verdict": "; ".join(verdict),
        "dataset": evidence["dataset_digest"] or "not recorded",
        "bundle": evidence["bundle_digest"] or "not recorded",
    }
    return [
        f"{model}: version {service.version} served at {at}",
        *(one_line(f"  {name + ':':<9} {value}") for name, value in values.items()),
    ]


def author(entry: Entry | ServicePeriod) -> str:
    """Return the person behind an entry, with the proof of the name where one was recorded."""
    return f"{entry.who} (proved by {entry.proved_by})" if entry.proved_by else entry.who
