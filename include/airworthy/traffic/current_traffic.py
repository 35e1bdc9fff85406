"""The current traffic of a model, and its champion, as every stage asks for them."""

from __future__ import annotations

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import Retirement
from airworthy.ledger.ledger_follower import LedgerFollower
from airworthy.shown_text import one_line
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


def refuse_retired(environment: Environment, model: str) -> None:
    """Check that a model is not retired.

    Raises:
        TerminalError: when it is; it names who retired it, when and why.
        TransientError: when the ledger cannot be reached.
    """
    retired = current_traffic(environment, model).retired
    if retired is not None:
        raise retired_error(model, retired)


def retired_error(model: str, entry: Entry[Retirement]) -> TerminalError:
    """Return the error of work on a retired model, from the entry of its retirement."""
    return TerminalError(
        one_line(f"this model is retired since {entry.time}, by {entry.who}: {entry.event.reason}"),
        model=model,
        received="a retired model",
        allowed="a model that is not retired",
        next_step=f"turn its DAGs off or delete its folder; or: airworthy retire {model} --undo",
    )
