"""Runs one of Airflow's operators inside another one's task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.operator import ExecutorSafeguard

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def execute_nested(operator: BaseOperator, context: Context) -> Any:
    """Execute an operator without a task of its own and return its result."""
    # Airflow logs a warning for an operator that is executed by code. Here that is intended.
    token = ExecutorSafeguard.tracker.set(operator)
    try:
        return operator.execute(context)
    finally:
        ExecutorSafeguard.tracker.reset(token)
