"""Decides whether the champion is to be trained again."""

from __future__ import annotations

from typing import ClassVar

from airworthy_airflow.operators.monitor import MonitorOperator


class DecideOperator(MonitorOperator):
    """Decides whether the champion is to be trained again."""

    stage: ClassVar[str] = "decide"
    doc: ClassVar[str] = (
        "Decides whether the champion is to be trained again: a signal must fire in enough windows, not too soon after "
        "the last training, and not after too many refused challengers. Every input and the outcome go into the ledger "
        "(`drift_decision`) and onto the champion's MLflow run, folder `monitoring`."
    )
