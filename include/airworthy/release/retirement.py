"""Retires a model: the ledger says that no version serves any more, and servers follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover import ProvedBy
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import AliasMove, LedgerEvent, Retirement
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.release.projection import project_ledger
from airworthy.traffic import Traffic, traffic_of
from airworthy.traffic.current_traffic import retired_error

_Event = TypeVar("_Event", bound=LedgerEvent)


@dataclass(frozen=True)
class Caller:
    """The person behind a decision, the proof of the name, and the id of the run."""

    who: str
    proved_by: ProvedBy
    run_id: str


def retire_model(
    environment: Environment, model: str, reason: str, caller: Caller
) -> Entry[Retirement]:
    """Record a model's retirement, and take its aliases in MLflow away.

    Model servers unload the model at their next look at the record. Nothing is deleted.

    Args:
        environment: The environment with the ledger.
        model: The model. It needs no folder any more.
        reason: The reason, in words.
        caller: The person who retires it.

    Raises:
        TerminalError: when it has no champion, or is retired already.
        SupersededError: when another decision came first.
        TransientError: when the ledger or MLflow cannot be reached.
    """
    entries = open_ledger(environment, model).entries()
    traffic = traffic_of(entries)
    if traffic.retired is not None:
        raise retired_error(model, traffic.retired)
    if traffic.champion is None:
        raise TerminalError(
            "there is nothing to retire: no version of this model serves",
            model=model,
            received="no champion in its ledger",
            allowed="a model with a champion",
            next_step="to stop its trainings, turn its DAGs off or delete its folder",
        )
    event = Retirement(
        from_version=traffic.champion.version,
        bundle_digest=traffic.champion.bundle_digest,
        reason=reason,
    )
    return _decide(environment, model, event, traffic, caller)


def take_back_retirement(
    environment: Environment, model: str, reason: str, caller: Caller
) -> Entry[AliasMove]:
    """Give all traffic back to the champion that a retired model had.

    Args:
        environment: The environment with the ledger.
        model: The model.
        reason: The reason, in words.
        caller: The person who takes the retirement back.

    Raises:
        TerminalError: when it is not retired.
        SupersededError: when another decision came first.
        TransientError: when the ledger or MLflow cannot be reached.
    """
    entries = open_ledger(environment, model).entries()
    traffic, moves = traffic_of(entries), alias_moves(entries)
    if traffic.retired is None:
        raise TerminalError(
            "this model is not retired",
            model=model,
            received=f"champion: {traffic.champion_version or 'none'}",
            allowed="a retired model",
            next_step="airworthy models",
        )
    retired, last = traffic.retired.event, moves[-1].event
    event = AliasMove(
        from_=None,
        to=retired.from_version,
        reason=f"the retirement was taken back: {reason}",
        dataset_digest=last.dataset_digest,
        bundle_digest=retired.bundle_digest,
        moves_before=len(moves),
    )
    return _decide(environment, model, event, traffic, caller)


def _decide(
    environment: Environment, model: str, event: _Event, traffic: Traffic, caller: Caller
) -> Entry[_Event]:
    entry = open_ledger(environment, model).append(
        event,
        run_id=caller.run_id,
        who=caller.who,
        proved_by=caller.proved_by,
        decided=traffic.decided,
    )
    project_ledger(environment, model)
    return entry
