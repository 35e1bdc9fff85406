"""Disagreements between the ledger and MLflow's registry. Pure."""

from __future__ import annotations

from dataclasses import replace

from airworthy.reconciliation.disagreement import EVERY, FORWARD, Disagreement
from airworthy.reconciliation.facts import Facts
from airworthy.reconciliation.ledger_words import (
    former_champions,
    named_digests,
    registered_versions,
)
from airworthy.traffic import Traffic

_RESTORE = "restore MLflow's database and artifacts from their backup"


def registry_disagreements(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return the disagreements between ledger and registry.

    Args:
        facts: The records.
        traffic: The traffic by the ledger.
    """
    lost = _lost(facts, traffic)
    if lost:
        return lost
    return [
        *_other_digests(facts, traffic),
        *_missing(facts, traffic),
        *_unnamed(facts),
        *_aliases(facts, traffic),
    ]


def _lost(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return that one of both records is gone as a whole."""
    own = [each.version for each in facts.registered.values() if each.is_own]
    if own and not facts.entries:
        return [_ledger_lost(facts, own)]
    named = registered_versions(facts.entries)
    if not named or facts.registered:
        return []
    champion = traffic.champion_version
    return [
        Disagreement(
            kind="registry_lost",
            subject=facts.model,
            model=facts.model,
            problem="MLflow has no version of this model: the ledger names "
            + (f"version {champion} as the champion" if champion else "some"),
            received="0 versions in MLflow",
            allowed=f"{len(named)} registered versions, the last one is version {named[-1]}",
            next_step=_RESTORE,
            stops=EVERY if champion else (),
        )
    ]


def _ledger_lost(facts: Facts, own: list[str]) -> Disagreement:
    return Disagreement(
        kind="ledger_lost",
        subject=facts.model,
        model=facts.model,
        problem="the ledger is gone: it has no entry, and MLflow has versions of this environment",
        received="0 entries",
        allowed=f"the registration of version {', '.join(own)}",
        next_step="restore the ledger's table from its backup; or, when it was removed on purpose, "
        f"delete the registered model {facts.model} in MLflow as well",
        stops=FORWARD,
    )


def _other_digests(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return the versions whose files are other ones by MLflow than by the ledger."""
    named, found = named_digests(facts.entries), []
    champion = traffic.champion
    if champion is not None and champion.bundle_digest is not None:
        named[champion.version] = {champion.bundle_digest}
    for version, digests in named.items():
        registered = facts.registered.get(version)
        if registered is None or not digests or registered.bundle_digest in digests:
            continue
        found.append(
            Disagreement(
                kind="other_files",
                subject=version,
                model=facts.model,
                problem=f"MLflow and the ledger name different files of version {version}",
                received=f"digest {registered.bundle_digest or 'none'} in MLflow",
                allowed=f"digest {', '.join(sorted(digests))}, as in the ledger",
                next_step="restore the tag airworthy.bundle_digest, or delete the version in MLflow "
                f"if nothing needs it; airworthy ledger {facts.model} shows what it was",
                stops=FORWARD,
            )
        )
    return found


def _missing(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return the versions with traffic, or once with traffic, that MLflow does not have."""
    found, champion = [], traffic.champion_version
    if champion is not None and champion not in facts.registered:
        found.append(_not_registered(facts, champion))
    if traffic.rollout is not None and traffic.rollout.challenger not in facts.registered:
        found.append(_challenger_missing(facts, traffic.rollout.challenger))
    gone = [
        version
        for version in former_champions(facts.entries)
        if version not in facts.registered and version != champion
    ]
    return [*found, *(_absent(facts, version) for version in gone)]


def _not_registered(facts: Facts, champion: str) -> Disagreement:
    return replace(
        _absent(facts, champion),
        kind="champion_not_registered",
        problem=f"the champion, version {champion}, is not in MLflow: there is no such version",
        allowed=f"version {champion}, the champion by the ledger",
        next_step=f"{_RESTORE}, or go back: airworthy rollback {facts.model}",
        stops=FORWARD,
    )


def _challenger_missing(facts: Facts, challenger: str) -> Disagreement:
    return replace(
        _absent(facts, challenger),
        kind="challenger_not_registered",
        problem=f"version {challenger} is under rollout and is not in MLflow",
        next_step=f"airworthy rollback {facts.model} ends the rollout; or: {_RESTORE}",
        stops=("release",),
    )


def _absent(facts: Facts, version: str) -> Disagreement:
    """Return that MLflow lacks a former champion. For other versions, kind and words are replaced."""
    return Disagreement(
        kind="former_champion_missing",
        subject=version,
        model=facts.model,
        problem=f"version {version} was champion and is not in MLflow: no rollback can go to it",
        received=f"versions {', '.join(facts.registered) or 'none'} in MLflow",
        allowed=f"version {version}",
        next_step=f"{_RESTORE}, if it may be needed",
    )


def _unnamed(facts: Facts) -> list[Disagreement]:
    """Return the versions of this environment that the ledger does not name. None of them serves."""
    named = named_digests(facts.entries)
    return [
        Disagreement(
            kind="version_not_in_ledger",
            subject=each.version,
            model=facts.model,
            problem=f"the ledger does not name version {each.version}: nothing serves it",
            received=f"version {each.version} in MLflow",
            allowed="versions that the ledger registered",
            next_step="run the training again that was cut off, or delete the version in MLflow",
        )
        for each in facts.registered.values()
        if each.is_own and each.version not in named
    ]


def _aliases(facts: Facts, traffic: Traffic) -> list[Disagreement]:
    """Return the aliases that are not those of the ledger. They decide nothing.

    Environments that share MLflow share its aliases: the last one that released has them.
    """
    rollout = traffic.rollout
    wanted = {
        "champion": traffic.champion_version,
        "challenger": rollout.challenger if rollout else None,
    }
    named = named_digests(facts.entries)
    return [
        _alias(facts, alias, version, known=facts.aliases.get(alias) in {*named, None})
        for alias, version in wanted.items()
        if facts.aliases.get(alias) != version and not _is_foreign(facts, alias)
    ]


def _is_foreign(facts: Facts, alias: str) -> bool:
    registered = facts.registered.get(facts.aliases.get(alias, ""))
    return registered is not None and registered.is_foreign


def _alias(facts: Facts, alias: str, wanted: str | None, *, known: bool) -> Disagreement:
    found = facts.aliases.get(alias)
    put_back = "the next release or rollback puts the alias back"
    lost = (
        "compare the ledger with its anchor or backup: its last entries may be lost; else put the "
        "alias back in MLflow"
    )
    return Disagreement(
        kind="alias_moved",
        subject=alias,
        model=facts.model,
        problem=f"MLflow's alias {alias} names "
        + (f"version {found}" if found else "no version")
        + ("" if known else ", which the ledger does not know"),
        received=f"version {found}" if found else "no version",
        allowed=f"version {wanted}" if wanted else "no version",
        next_step=put_back if known else lost,
        stops=() if known else FORWARD,
    )
