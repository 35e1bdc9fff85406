"""Time goes only forward: an entry by a clock that was behind is no earlier than the one before."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from tests.security.ledgers import MODEL, command

from airworthy.environment import Environment
from airworthy.ledger import ledger as ledger_module
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove, LedgerEvent

AHEAD = timedelta(hours=3)


def test_an_entry_cannot_be_dated_before_the_ones_that_it_follows(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Clock and order are recorded, it is said, and ``--at`` answers by the order."""
    book, now = open_ledger(environment, MODEL), datetime.now(UTC)

    def append(version: str, clock: datetime) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Clock:
                return cls.fromtimestamp(clock.timestamp(), tz)

        # The clock is the machine's: no code of ours has it.
        monkeypatch.setattr(ledger_module, "datetime", Clock)
        event: LedgerEvent = AliasMove(to=version, bundle_digest=version * 64)
        book.append(event, run_id=f"run-{version}", who="ann")

    for version, clock in (("1", now), ("2", now - AHEAD), ("3", now - AHEAD / 2)):
        append(version, clock)
    entries = book.entries()
    first = entries[0].time
    assert [entry.order_time for entry in entries] == [None, first, first]
    assert entries[1].time == (now - AHEAD).isoformat(timespec="milliseconds")
    assert sum("the order counts" in message for message in caplog.messages) == 2
    before = command("ledger", MODEL, "--at", (now - AHEAD / 4).isoformat())
    assert "no version served" in before.stdout
    served = command("ledger", MODEL, "--at", (now + AHEAD).isoformat())
    assert "version 3 served" in served.stdout
    assert f"since:    {first}" in served.stdout
    assert "the clock said" in served.stdout
    listed = command("ledger", MODEL).stdout.splitlines()
    assert ["clock that was behind" in line for line in listed] == [False, True, True]
    verified = command("ledger", "verify", MODEL)
    assert "entry 2 was written by a clock that was behind" in verified.stdout
    assert json.loads(command("ledger", MODEL, "--json").stdout.splitlines()[1])["order_time"]
