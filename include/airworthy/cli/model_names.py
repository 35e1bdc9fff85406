"""The check of a model's name against those that there are."""

from __future__ import annotations

import difflib

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.model_status.known_models import known_models, ledger_names, spec_names

__all__ = ["ledger_names", "require_known_model", "spec_names"]


def require_known_model(environment: Environment, model: str) -> None:
    """Check that there is a model of this name.

    Raises:
        TerminalError: when there is none; it has the names that there are.
        TransientError: when the lake cannot be reached.
    """
    specs = spec_names(environment)
    if model in specs:
        return
    names = known_models(environment)
    if model in names:
        return
    similar = difflib.get_close_matches(model, names, n=1)
    raise TerminalError(
        "there is no model of this name",
        received=model,
        allowed=", ".join(names) or f"none yet, below {environment.models}",
        next_step=f"did you mean {similar[0]}?" if similar else "airworthy models",
    )
