"""Puts MLflow's aliases back to what the ledger says."""

from __future__ import annotations

import time
from collections.abc import Callable

from airworthy.environment import Environment
from airworthy.registry.mlflow_errors import mlflow_errors
from airworthy.registry.registry import open_registry
from airworthy.release.projection import project_ledger
from airworthy.traffic.current_traffic import current_traffic
from airworthy.traffic.moved_aliases import MovedAlias, moved_aliases

SETTLE_SECONDS = 3.0
"""A release writes the ledger first and the alias after it."""


def find_moved_aliases(environment: Environment) -> list[MovedAlias]:
    """Return the aliases of all models that disagree with their ledgers now.

    Raises:
        TerminalError: when a ledger cannot be believed, or MLflow refuses.
        TransientError: when a ledger or MLflow cannot be reached.
    """
    with mlflow_errors(environment):
        registry = open_registry(environment)
        return [
            moved
            for model, of_model in sorted(registry.aliases().items())
            for moved in moved_aliases(model, current_traffic(environment, model), of_model)
            if not registry.is_foreign(model, moved.found)
        ]


def put_back_aliases(
    environment: Environment, sleep: Callable[[float], None] = time.sleep
) -> list[MovedAlias]:
    """Put every moved alias back, and return those that somebody had moved.

    Args:
        environment: The environment.
        sleep: Waits for a release that is between its entry and its alias.

    Raises:
        TerminalError: when a ledger cannot be believed, or MLflow refuses.
        TransientError: when a ledger or MLflow cannot be reached.
    """
    first = find_moved_aliases(environment)
    if not first:
        return []
    sleep(SETTLE_SECONDS)
    moved = [each for each in find_moved_aliases(environment) if each in first]
    with mlflow_errors(environment):
        for model in dict.fromkeys(each.model for each in moved):
            project_ledger(environment, model)
    return moved
