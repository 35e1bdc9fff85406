"""Projections of a model's ledger: MLflow's aliases and tag, and the rollout in the flag file.

They are written after the ledger, for people and other programs. No stage and no model server
decides by them. Every release stage repairs one that somebody moved.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airworthy.environment import Environment
from airworthy.errors import AirworthyError, TerminalError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import RollbackStarted
from airworthy.ledger.ledger_queries import of_kind, rolled_back
from airworthy.ledger.traffic_entries import last_decision
from airworthy.registry.registry import CHALLENGER, CHAMPION, open_registry
from airworthy.registry.tags import ROLLED_BACK
from airworthy.release.rollout_flags import write_rollout
from airworthy.traffic import Traffic, traffic_of

if TYPE_CHECKING:
    from airworthy.registry.registry import Registry

log = logging.getLogger("airworthy.release")

_LONGEST_TAG = 4000
_ROUNDS = 10


def project_ledger(environment: Environment, model: str) -> Traffic:
    """Write a model's projections, until no decision came meanwhile; return its traffic.

    A process that slept may have written an old alias: it reads the ledger again, and writes
    again. Flags that cannot be written are logged, as no server needs them.

    Raises:
        TransientError: when the ledger or MLflow cannot be reached. The next stage writes the
            projections.
    """
    ledger = open_ledger(environment, model)
    for _ in range(_ROUNDS):
        entries = ledger.entries()
        traffic = traffic_of(entries)
        _project_flags(environment, model, traffic)
        # Opened here: an MLflow that is away must not keep the flags as they are.
        _project_registry(open_registry(environment), model, traffic, entries)
        if last_decision(ledger.ids()) == traffic.decided:
            break
    return traffic


def _project_flags(environment: Environment, model: str, traffic: Traffic) -> None:
    try:
        write_rollout(environment.flags_address, model, traffic.rollout)
    except AirworthyError as error:
        log.error("%s: the flags do not show the rollout: %s", model, error.problem)


def _project_registry(
    registry: Registry, model: str, traffic: Traffic, entries: Sequence[Entry]
) -> None:
    champion = traffic.champion_version
    # An alias that somebody set before the first release is not ours.
    if champion is not None and registry.champion(model) != champion:
        registry.client.set_registered_model_alias(model, CHAMPION, champion)
    if traffic.retired is not None and registry.champion(model) is not None:
        registry.client.delete_registered_model_alias(model, CHAMPION)
    _project_challenger(registry, model, traffic)
    _project_rollbacks(registry, model, champion, entries)


def _project_challenger(registry: Registry, model: str, traffic: Traffic) -> None:
    wanted = traffic.rollout.challenger if traffic.rollout else None
    found = registry.challenger(model)
    if wanted is not None and found != wanted:
        registry.client.set_registered_model_alias(model, CHALLENGER, wanted)
    if wanted is None and found is not None and not registry.is_foreign(model, found):
        registry.client.delete_registered_model_alias(model, CHALLENGER)


def _project_rollbacks(
    registry: Registry, model: str, champion: str | None, entries: Sequence[Entry]
) -> None:
    """Mark rolled-back versions, and take the mark from a champion that was brought back."""
    bad = rolled_back(entries)
    reasons = {entry.event.from_: entry.event.reason for entry in of_kind(entries, RollbackStarted)}
    for version in sorted(bad):
        if _is_unmarked(registry, model, version):
            reason = reasons[version][:_LONGEST_TAG]
            registry.client.set_model_version_tag(model, version, ROLLED_BACK, reason)
    if champion is None or champion in bad:
        return
    if ROLLED_BACK in registry.version(model, champion).tags:
        registry.client.delete_model_version_tag(model, champion, ROLLED_BACK)


def _is_unmarked(registry: Registry, model: str, version: str) -> bool:
    """Tell whether a version has no mark. A version that was deleted in MLflow needs none."""
    try:
        return ROLLED_BACK not in registry.version(model, version).tags
    except TerminalError:
        return False
