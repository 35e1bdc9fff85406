"""The champion's files are those that the ledger names: a digest in MLflow does not change them."""

from __future__ import annotations

from airworthy.errors import TerminalError
from airworthy.registry.registry import Registry
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.traffic.traffic_state import ServedVersion


def champion_digest(registry: Registry, model: str, champion: ServedVersion) -> str:
    """Return the digest that the champion's files must have.

    Args:
        registry: The registry with the version.
        model: The model.
        champion: The champion by the ledger.

    Raises:
        TerminalError: when the ledger names no digest, the registry has another one, or there is no
            such version.
    """
    if champion.bundle_digest is None:
        raise TerminalError(
            f"the ledger names no files of version {champion.version}",
            model=model,
            received="an alias move without a digest",
            allowed="an entry with the digest of the version's files",
            next_step=f"release it again: airworthy release {model} {champion.version}",
        )
    registered = registry.tag(registry.version(model, champion.version), BUNDLE_DIGEST)
    if champion.bundle_digest == registered:
        return registered
    raise TerminalError(
        f"MLflow and the ledger name different files of version {champion.version}",
        model=model,
        received=f"digest {registered} in MLflow's tag {BUNDLE_DIGEST}",
        allowed=f"digest {champion.bundle_digest}, as released",
        next_step=f"airworthy ledger {model}; restore the tag, or release another version",
    )
