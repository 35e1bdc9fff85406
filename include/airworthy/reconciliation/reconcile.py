"""Compares the records of a model. Pure: the same facts give the same disagreements."""

from __future__ import annotations

from airworthy.anchors.anchored_ledger import KeptHeads, check_anchors
from airworthy.errors import TerminalError
from airworthy.ledger import changed_entry_error, first_broken_entry
from airworthy.reconciliation.disagreement import FORWARD, Disagreement
from airworthy.reconciliation.facts import Facts
from airworthy.reconciliation.registry_rules import registry_disagreements
from airworthy.reconciliation.server_rules import server_disagreements
from airworthy.traffic import Traffic, traffic_of


def reconcile(facts: Facts) -> list[Disagreement]:
    """Return all disagreements between ledger, registry, servers and lake, the worst first.

    A ledger that was changed is compared with nothing: it is no evidence.

    Args:
        facts: The records.
    """
    error = facts.ledger_error or _broken_chain(facts)
    if error is None:
        try:
            traffic = traffic_of(facts.entries)
            found = [
                *server_disagreements(facts, traffic),
                *registry_disagreements(facts, traffic),
                *_lake(facts, traffic),
                *_anchors(facts),
            ]
        except TerminalError as unreadable:
            error = unreadable
    if error is not None:
        return [_ledger_changed(facts, error)]
    return sorted(found, key=lambda each: -len(each.stops))


def _broken_chain(facts: Facts) -> TerminalError | None:
    broken = first_broken_entry(list(facts.entries))
    if broken is None:
        return None
    return changed_entry_error(f"{broken.sequence} ({broken.entry_id})", facts.model)


def _ledger_changed(facts: Facts, error: TerminalError) -> Disagreement:
    # A rollback reads the entries that it needs by itself: going back must not need all others.
    return Disagreement(
        kind="ledger_changed",
        subject=facts.model,
        model=facts.model,
        problem=error.problem,
        received=str(error.received),
        allowed=str(error.allowed),
        next_step=error.next_step or f"airworthy ledger verify {facts.model}",
        stops=FORWARD,
    )


def _anchors(facts: Facts) -> list[Disagreement]:
    """Return what the anchors' heads prove against the ledger, and the anchors that cannot be read.

    An anchor that cannot be read stops nothing: it may be down.
    """
    command = f"airworthy ledger verify {facts.model}"
    hashes = [entry.hash for entry in facts.entries]
    proved = check_anchors(KeptHeads(facts.kept_heads.heads), hashes).problems
    found = [
        Disagreement(
            kind="ledger_not_as_anchored",
            subject=facts.model,
            model=facts.model,
            problem=f"the ledger is not the one that was anchored: {problem}",
            received=f"{len(hashes)} entries",
            allowed="the entries of the anchored heads",
            next_step=f"{command}; restore the ledger, or accept it as it is: "
            f"airworthy ledger anchor {facts.model} --accept --reason ...",
            stops=FORWARD,
        )
        for problem in proved
    ]
    return found + [
        Disagreement(
            kind="anchor_unread",
            subject=name,
            model=facts.model,
            problem=f"the anchor {name} cannot be read",
            received=why,
            allowed="the heads that it keeps",
            next_step=command,
        )
        for name, why in facts.kept_heads.unread.items()
    ]


def _lake(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return that the lake ends before the rows that the champion was trained on.

    It stops nothing: the table may have been moved away, so that every day is read again.
    """
    champion = facts.registered.get(traffic.champion_version or "")
    if champion is None or champion.dataset_version is None:
        return []
    found = -1 if facts.lake_version is None else facts.lake_version
    if found >= champion.dataset_version:
        return []
    return [
        Disagreement(
            kind="lake_cut",
            subject=champion.version,
            model=facts.model,
            problem=f"the lake no longer has the rows that version {champion.version} was trained on",
            received=f"version {found} of the table" if found >= 0 else "no table",
            allowed=f"version {champion.dataset_version}",
            next_step="restore the lake's table from its backup; or, when it was moved away on "
            f"purpose, train again: airworthy run {facts.model}",
        )
    ]
