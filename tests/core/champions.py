"""Makes a registered version the champion without a release: the ledger's entry, and its projection."""

from __future__ import annotations

from airworthy.environment import Environment
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger_queries import alias_moves
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.traffic import traffic_of


def make_champion(environment: Environment, model: str, version: str) -> None:
    """Record a version as champion, with the digest of its registered files, and set MLflow's alias.

    The champion itself is left as it is.

    Args:
        environment: The environment.
        model: The model's name.
        version: The registered version.
    """
    registry, ledger = open_registry(environment), open_ledger(environment, model)
    entries = ledger.entries()
    traffic = traffic_of(entries)
    if traffic.champion_version == version:
        return
    move = AliasMove(
        from_=traffic.champion_version,
        to=version,
        reason="made champion by a test",
        bundle_digest=registry.tag(registry.version(model, version), BUNDLE_DIGEST),
        moves_before=len(alias_moves(entries)),
    )
    ledger.append(move, run_id="make-champion", who="tests", decided=traffic.decided)
    registry.client.set_registered_model_alias(model, CHAMPION, version)
