"""Rows of clients' requests outside their contract, counted since the server's start.

All of this runs on the server's event loop.
"""

from __future__ import annotations

from airworthy.protocol.contract_check import Outside
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.traffic.replica_report import ContractReport


class ContractCounts:
    """The counts of all models."""

    def __init__(self, metrics: ServerMetrics) -> None:
        """Start with none. `metrics` shows the same by reason."""
        self._metrics = metrics
        self._reports: dict[str, ContractReport] = {}

    def add(self, loaded: LoadedModel, rows: int, outside: Outside | None) -> None:
        """Count one request.

        Args:
            loaded: The version that judged it. One without a contract is left out.
            rows: The number of its rows.
            outside: Its rows outside the contract.

        Raises:
            OutOfContractError: the refusal of `outside`, if there is one.
        """
        if loaded.contract is None:
            return
        report = self._reports.get(loaded.model)
        if report is None:
            report = self._reports[loaded.model] = ContractReport()
        report.rows += rows
        if outside is None:
            return
        report.outside += outside.rows
        for column, count in outside.columns.items():
            report.columns[column] = report.columns.get(column, 0) + count
        self._metrics.record_outside(loaded.model, outside)
        if outside.refusal is not None:
            raise outside.refusal

    def report(self, model: str) -> ContractReport | None:
        """Return a model's counts; None before the first request to a version with a contract."""
        report = self._reports.get(model)
        return report and report.model_copy(deep=True)
