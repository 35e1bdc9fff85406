"""Disagreements between the ledger and the live model servers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airworthy.reconciliation.disagreement import EVERY, FORWARD, Disagreement
from airworthy.reconciliation.facts import Facts
from airworthy.reconciliation.ledger_words import named_digests
from airworthy.traffic import Traffic
from airworthy.traffic.replica_report import LoadedVersion, ModelReport

_Named = Mapping[str, set[str]]


def server_disagreements(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return the disagreements between ledger and servers.

    Args:
        facts: The records.
        traffic: The traffic by the ledger.
    """
    named, found = named_digests(facts.entries), list[Disagreement]()
    for replica in facts.servers:
        report = replica.report.models.get(facts.model)
        if report is not None:
            found += _of_server(facts, traffic, named, replica.name, report)
    return found


def _of_server(
    facts: Facts, traffic: Traffic, named: _Named, server: str, report: ModelReport
) -> list[Disagreement]:
    last = facts.entries[-1].sequence if facts.entries else 0
    if report.seen > last:
        return [_ledger_cut(facts, server, report.seen, last)]
    loaded = [*([report.champion] if report.champion else []), *report.loaded]
    unnamed = [each for each in loaded if not _is_named(named, each)]
    found = [_unnamed(facts, server, each) for each in unnamed]
    if not unnamed and report.seen >= max(traffic.champion_entry, 1):
        found += _other_champion(facts, traffic, server, report)
    return found


def _ledger_cut(facts: Facts, server: str, seen: int, last: int) -> Disagreement:
    return Disagreement(
        kind="ledger_cut",
        subject=server,
        model=facts.model,
        problem=f"the ledger has lost its end: the model server {server} follows entry {seen}",
        received=f"{last} entries" if last else "no ledger",
        allowed=f"at least {seen} entries",
        next_step="restore the ledger's table from its backup; until then the servers go on as they "
        "are",
        stops=EVERY,
    )


def _is_named(named: _Named, loaded: LoadedVersion) -> bool:
    digests = named.get(loaded.version)
    return digests is not None and (not digests or loaded.bundle_digest in digests)


def _unnamed(facts: Facts, server: str, loaded: LoadedVersion) -> Disagreement:
    return Disagreement(
        kind="unnamed_files_served",
        subject=server,
        model=facts.model,
        problem=f"the model server {server} has files of version {loaded.version} that the ledger "
        "does not name",
        received=f"digest {loaded.bundle_digest}",
        allowed="files that an entry of the ledger names",
        next_step="start this server again; if it loads them again, look at who can write the lake "
        "and MLflow",
        stops=FORWARD,
    )


def _other_champion(
    facts: Facts, traffic: Traffic, server: str, report: ModelReport
) -> list[Disagreement]:
    """Return that a server answers with another version than the ledger's. It may still load it."""
    champion = report.champion.version if report.champion else None
    if champion == traffic.champion_version:
        return []
    reason = report.failed.get(traffic.champion_version or "")
    return [
        Disagreement(
            kind="server_answers_otherwise",
            subject=server,
            model=facts.model,
            problem=f"the model server {server} does not answer with the champion"
            + (f": {reason}" if reason else ", it may be loading it"),
            received=f"version {champion}" if champion else "no version",
            allowed=f"version {traffic.champion_version}"
            if traffic.champion_version
            else "no version",
            next_step=f"look at its log, and again: airworthy doctor {facts.model}",
        )
    ]
