"""A person's own decisions about traffic: the end of a rollout, and the kill switch.

They need no run, no model server and no registry.
"""

from __future__ import annotations

import logging

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import KillSwitchTurned, RolloutStopped
from airworthy.release.retirement import Caller
from airworthy.release.rollout_flags import kill_switch_is_on, set_kill_switch, write_rollout
from airworthy.traffic.current_traffic import current_traffic

log = logging.getLogger("airworthy.release")


def stop_rollout(
    environment: Environment, model: str, reason: str, caller: Caller
) -> Entry[RolloutStopped]:
    """Record the end of a model's rollout: the champion answers everything again.

    Model servers follow the ledger. The run of the rollout sees the end at its next look, and ends
    as failed. MLflow's alias follows then.

    Args:
        environment: The environment with the ledger.
        model: The model. Its spec is not needed.
        reason: The reason, in words.
        caller: The person who stops it.

    Raises:
        TerminalError: when there is no rollout.
        SupersededError: when another decision about traffic came first.
        TransientError: when the ledger cannot be reached.
    """
    traffic = current_traffic(environment, model)
    rollout = traffic.rollout
    if rollout is None:
        raise no_rollout(model, traffic.champion_version)
    event = RolloutStopped(
        version=rollout.challenger,
        champion=rollout.champion,
        step=rollout.step,
        reasons=[f"stopped by a person: {reason}"],
        since=rollout.since,
        stopped_by=caller.run_id,
    )
    entry = open_ledger(environment, model).append(
        event,
        run_id=rollout.run_id,
        who=caller.who,
        proved_by=caller.proved_by,
        decided=traffic.decided,
    )
    _show_no_rollout(environment, model)
    return entry


def no_rollout(model: str, champion: str | None) -> TerminalError:
    """Return the error for a model without a rollout."""
    return TerminalError(
        "there is no rollout to stop",
        model=model,
        received=f"champion: {f'version {champion}' if champion else 'none'}, and no other version",
        allowed="a model with a version under rollout",
    )


def turn_kill_switch(
    environment: Environment, model: str, *, on: bool, reason: str, caller: Caller
) -> Entry[KillSwitchTurned]:
    """Turn a model's kill switch on or off, then record it.

    The flag is first: in an emergency, a ledger that is away must not keep the switch as it is.

    Args:
        environment: The environment with the flags and the ledger.
        model: The model. Its spec is not needed.
        on: True to turn it on.
        reason: The reason, in words.
        caller: The person who turns it.

    Raises:
        TerminalError: when it is so already, or the file does not hold flags.
        TransientError: when the flags cannot be reached, or the ledger. After the latter, the
            switch is turned, and the error says so.
    """
    if kill_switch_is_on(environment.flags_address, model) == on:
        raise TerminalError(
            f"the kill switch is {'on' if on else 'off'} already", model=model, received="the same"
        )
    set_kill_switch(environment.flags_address, model, on)
    try:
        return open_ledger(environment, model).append(
            KillSwitchTurned(on=on, reason=reason),
            run_id=caller.run_id,
            who=caller.who,
            proved_by=caller.proved_by,
        )
    except AirworthyError as error:
        raise type(error)(
            f"the kill switch is {'on' if on else 'off'} now, but it is not recorded: "
            f"{error.problem}",
            model=model,
            received=error.received,
            next_step="tell the others, and look at the ledger's storage",
        ) from None


def _show_no_rollout(environment: Environment, model: str) -> None:
    """Write the flag file. No server needs it, so an error is logged."""
    try:
        write_rollout(environment.flags_address, model, None)
    except AirworthyError as error:
        log.error("%s: the flags show a rollout that has ended: %s", model, error.problem)
