"""Registers the challenger, approved or rejected, once per idempotency key."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.links import MlflowVersionLink
from airworthy_airflow.operators.stage import StageOperator


class RegisterOperator(StageOperator):
    """Registers the challenger, approved or rejected, once per idempotency key."""

    stage: ClassVar[str] = "register"
    doc: ClassVar[str] = (
        "Registers one version per data digest, code and parameters: a retry returns the same version. A rejected "
        "candidate is registered too, and can never take an alias."
    )
    ui_color = "#ece4f7"
    operator_extra_links = (MlflowVersionLink(),)
