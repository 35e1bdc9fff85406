"""The names of the models: those with a folder, and those with a ledger in the lake."""

from __future__ import annotations

from airworthy.environment import Environment
from airworthy.object_store import open_store
from airworthy.spec.loading import spec_paths


def known_models(environment: Environment) -> list[str]:
    """Return the names of all models, with a spec or with a folder in the lake, sorted.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    return sorted({*spec_names(environment), *ledger_names(environment)})


def spec_names(environment: Environment) -> list[str]:
    """Return the names of the folders with a spec, sorted; one that cannot be read is among them."""
    return [path.parent.name for path in spec_paths(environment.models)]


def ledger_names(environment: Environment) -> list[str]:
    """Return the names of the models' folders in the lake, sorted.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    store = open_store(environment.lake)
    return sorted(name for name in store.folders() if not name.startswith("_"))
