"""The versions that a ledger names as registered, with their files. Pure; entries oldest first.

A tag, an alias or a file in MLflow names nothing that may run: whoever can write there can write
all three. Only a version that its ledger registered, with the digest of its files, is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.errors import TerminalError
from airworthy.ledger.entry import Entry
from airworthy.ledger.events import AliasMove, ArtifactsRemoved, Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.ledger.version_numbers import entries_about

APPROVED = "approved"


def registration_of(entries: Sequence[Entry], version: str) -> Registration | None:
    """Return the last registration of a version; None when the ledger has none.

    Args:
        entries: The model's ledger, oldest first.
        version: The version.
    """
    found = [each.event for each in of_kind(entries, Registration) if each.event.version == version]
    return found[-1] if found else None


def removed_versions(entries: Sequence[Entry]) -> set[str]:
    """Return the versions whose files `airworthy gc` has removed since their registration."""
    removed: set[str] = set()
    for entry in of_kind(entries, ArtifactsRemoved, Registration):
        match entry.event:
            case ArtifactsRemoved(versions=versions):
                removed |= set(versions)
            case Registration(version=version):
                removed.discard(version)
    return removed


def registration_blockers(entries: Sequence[Entry], version: str, bundle_digest: str) -> list[str]:
    """Return the reasons against a version by its registration; empty without any.

    Args:
        entries: The model's ledger, oldest first.
        version: The version.
        bundle_digest: The digest of its files.
    """
    registration = registration_of(entries, version)
    if registration is None:
        return [f"the ledger has no registration of version {version}"]
    blockers = []
    if registration.bundle_digest != bundle_digest:
        blockers.append(
            f"the ledger registered version {version} with other files: digest "
            f"{registration.bundle_digest}, and not {bundle_digest}"
        )
    if registration.validation_status != APPROVED:
        blockers.append(
            f"the ledger registered version {version} as {registration.validation_status}"
        )
    return blockers


def registered_digest(entries: Sequence[Entry], model: str, version: str) -> str:
    """Return the digest that the ledger registered a version with.

    Args:
        entries: The model's ledger, oldest first.
        model: The model, for the error.
        version: The version.

    Raises:
        TerminalError: when the ledger registered no such version, or no digest of it.
    """
    registration = registration_of(entries, version)
    if registration is not None and registration.bundle_digest is not None:
        return registration.bundle_digest
    raise TerminalError(
        f"the ledger registered no files of version {version}",
        model=model,
        received=f"version {version}",
        allowed="a version that the register stage made",
        next_step=f"airworthy ledger {model}",
    )


def require_registered(
    entries: Sequence[Entry], model: str, version: str, bundle_digest: str
) -> None:
    """Check that the ledger registered a version with these files, before a server may load them.

    Args:
        entries: The model's ledger, oldest first.
        model: The model, for the error.
        version: The version.
        bundle_digest: The digest of its files.

    Raises:
        TerminalError: when it did not.
    """
    registered = registered_digest(entries, model, version)
    if registered != bundle_digest:
        raise TerminalError(
            f"the ledger registered version {version} with other files",
            model=model,
            received=f"digest {bundle_digest}",
            allowed=f"digest {registered}",
            next_step=f"airworthy ledger {model}, then train a new challenger",
        )


def released_digest(entries: Sequence[Entry], model: str, version: str) -> str:
    """Return the digest that a version was last champion with.

    Args:
        entries: The model's ledger, oldest first.
        model: The model, for the error.
        version: The version.

    Raises:
        TerminalError: when no entry with a digest made it champion.
    """
    digests = [
        move.event.bundle_digest
        for move in of_kind(entries_about(entries, version), AliasMove)
        if move.event.to == version and move.event.bundle_digest is not None
    ]
    if digests:
        return digests[-1]
    raise TerminalError(
        f"the ledger does not say which files of version {version} were champion",
        model=model,
        received=f"no alias move to version {version} with a digest",
        allowed="a version that was champion",
        next_step="name another version with --to-version",
    )
