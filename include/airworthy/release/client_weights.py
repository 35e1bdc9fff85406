"""The weight of one client: of several, none can trip the guard alone, and none can pass for all. Pure.

A signal trips when it trips whichever client is left out. It trips as well when it does so without
one client, and then whichever further one is left out: a client that floods a server with good
requests hides nothing that two others see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from airworthy.release.client_arms import NOBODY, ClientArms
from airworthy.release.guard import GuardResult, evaluate_guard
from airworthy.spec.release_part import Guard

Trips = Mapping[str, str]
"""A reason by signal."""


@dataclass(frozen=True)
class Weighed:
    """The trips that rest on more than one client.

    Attributes:
        trips: The reasons by signal.
        contested: The reasons of the other signals that trip with, or without, a single client.
    """

    trips: dict[str, str] = field(default_factory=dict)
    contested: dict[str, str] = field(default_factory=dict)


def weigh_clients(clients: Sequence[str], trips: Callable[[frozenset[str]], Trips]) -> Weighed:
    """Return the trips that no client explains alone.

    Args:
        clients: The names of all clients.
        trips: Returns the trips without some clients.
    """
    whole = trips(NOBODY)
    without = {name: trips(frozenset({name})) for name in clients}
    weighed = Weighed()
    for signal in dict.fromkeys([*whole, *(each for found in without.values() for each in found)]):
        reason = _reason(signal, whole, without, trips)
        if reason is not None:
            weighed.trips[signal] = reason
            continue
        first = next((found[signal] for found in without.values() if signal in found), None)
        cause = _cause(signal, whole, without, trips)
        weighed.contested[signal] = (
            f"{shown(cause)} alone makes it trip, and decides nothing alone: "
            f"{whole.get(signal) or first}"
        )
    return weighed


def _reason(
    signal: str,
    whole: Trips,
    without: Mapping[str, Trips],
    trips: Callable[[frozenset[str]], Trips],
) -> str | None:
    if signal in whole and all(signal in found for found in without.values()) and len(without) > 1:
        return whole[signal]
    for name, found in without.items():
        others = [each for each in without if each != name]
        if signal not in found or len(others) < 2:
            continue
        if all(signal in trips(frozenset({name, other})) for other in others):
            return f"{found[signal]} (without {shown(name)})"
    return None


def _cause(
    signal: str,
    whole: Trips,
    without: Mapping[str, Trips],
    trips: Callable[[frozenset[str]], Trips],
) -> str:
    """Return the client without which a signal trips no more."""
    if signal in whole:
        return next(name for name, found in without.items() if signal not in found)
    name = next(name for name, found in without.items() if signal in found)
    others = [each for each in without if each != name]
    return next((each for each in others if signal not in trips(frozenset({name, each}))), name)


def evaluate_by_clients(
    guard: Guard, champion: ClientArms, challenger: ClientArms, *, classes: bool, over: bool
) -> tuple[GuardResult, list[str]]:
    """Evaluate the guard where several clients are told apart.

    A signal that was evaluated thanks to one client alone proves nothing, and is missing.

    Args:
        guard: The spec's limits.
        champion: The champion's arm.
        challenger: The challenger's arm.
        classes: See `evaluate_guard`.
        over: See `evaluate_guard`.

    Returns:
        The result, and the reasons of one client alone that no other client's requests outweigh.
    """
    results: dict[frozenset[str], GuardResult] = {}

    def result(without: frozenset[str]) -> GuardResult:
        if without not in results:
            arms = champion.arm(without), challenger.arm(without)
            results[without] = evaluate_guard(guard, *arms, classes=classes, over=over)
        return results[without]

    clients = list(dict.fromkeys([*champion.names, *challenger.names]))
    weighed = weigh_clients(clients, lambda without: result(without).by_signal)
    whole = result(NOBODY)
    others = {name: result(frozenset({name})) for name in clients}
    evaluated, missing, undecided = [], list(whole.missing), []
    for signal in whole.evaluated:
        judged = [name for name, found in others.items() if signal in found.evaluated]
        if signal in weighed.contested:
            words = f"{signal}: {weighed.contested[signal]}"
            missing.append(words)
            if not any(signal not in others[name].by_signal for name in judged):
                undecided.append(words)
        elif signal in weighed.trips or len(judged) == len(clients):
            evaluated.append(signal)
        else:
            alone = next(name for name in clients if name not in judged)
            missing.append(f"{signal}: without {shown(alone)} there is too little to evaluate")
    weighed_result = replace(
        whole,
        trips=list(weighed.trips.values()),
        evaluated=evaluated,
        missing=missing,
        by_signal=weighed.trips,
    )
    return weighed_result, undecided


def shown(name: str) -> str:
    """Return a client's name for people."""
    return f"client {name}" if name else "whoever sends no token"
