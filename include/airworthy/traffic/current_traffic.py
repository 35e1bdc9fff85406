"""The current traffic of a model, and its champion, as every stage asks for them."""

from __future__ import annotations

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.ledger_follower import LedgerFollower
from airworthy.traffic.traffic_state import Traffic, traffic_of


def current_traffic(environment: Environment, model: str) -> Traffic:
    """Return the current traffic of a model by its ledger.

    Raises:
        TerminalError: when an entry about traffic was changed; it names the entry.
        TransientError: when the ledger cannot be reached.
    """
    ledger = open_ledger(environment, model)
    return traffic_of(LedgerFollower(ledger.uri, model).new_entries())


def current_champion(environment: Environment, model: str) -> str | None:
    """Return the version that serves in production by the ledger, or None.

    Raises:
        TerminalError: when an entry about traffic was changed; it names the entry.
        TransientError: when the ledger cannot be reached.
    """
    return current_traffic(environment, model).champion_version
