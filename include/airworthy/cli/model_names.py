"""The names of the models: those with a folder, and those with a ledger in the lake."""

from __future__ import annotations

import difflib

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.object_store import open_store
from airworthy.spec.loading import SPEC_FILE


def spec_names(environment: Environment) -> list[str]:
    """Return the names of the folders with a spec, sorted."""
    return sorted(path.parent.name for path in environment.models.glob(f"*/{SPEC_FILE}"))


def ledger_names(environment: Environment) -> list[str]:
    """Return the names of the models' folders in the lake, sorted.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    store = open_store(environment.lake)
    return sorted(name for name in store.folders() if not name.startswith("_"))


def require_known_model(environment: Environment, model: str) -> None:
    """Check that there is a model of this name.

    Raises:
        TerminalError: when there is none; it has the names that there are.
        TransientError: when the lake cannot be reached.
    """
    specs = spec_names(environment)
    if model in specs:
        return
    names = sorted({*specs, *ledger_names(environment)})
    if model in names:
        return
    similar = difflib.get_close_matches(model, names, n=1)
    raise TerminalError(
        "there is no model of this name",
        received=model,
        allowed=", ".join(names) or f"none yet, below {environment.models}",
        next_step=f"did you mean {similar[0]}?" if similar else "airworthy models",
    )
