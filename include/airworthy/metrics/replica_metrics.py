"""Metrics of the model servers' reports: the entry that each follows, and its last report's time.

Reports are polled. A server that has stopped by itself has no series.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.ledger.events import ServerRole
from airworthy.traffic.replica_reports import Replica, open_replica_reports

log = logging.getLogger("airworthy.metrics")


class ReplicaCollector(Collector):
    """The metrics of every model server, as of the last poll."""

    def __init__(self, environment: Environment) -> None:
        """Start without metrics, until the first `poll`."""
        self._environment = environment
        self._replicas: list[Replica] = []

    def poll(self) -> None:
        """Read the reports of all roles.

        Without an answer of the store there are none: an old time would look like a silent server.
        """
        try:
            self._replicas = [
                replica
                for role in get_args(ServerRole)
                for replica in open_replica_reports(self._environment, role).read()
                if not replica.report.stopped
            ]
        except AirworthyError as error:
            log.warning("the reports of the model servers cannot be read: %s", error)
            self._replicas = []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last poll."""
        seen = GaugeMetricFamily(
            "airworthy_server_seen_entry",
            "Last entry of the ledger that the model server follows",
            labels=("model", "server", "replica"),
        )
        reported = GaugeMetricFamily(
            "airworthy_server_last_report_timestamp_seconds",
            "Time of the model server's last report",
            labels=("server", "replica"),
        )
        for replica in self._replicas:
            report = replica.report
            reported.add_metric([report.server, report.replica], replica.written.timestamp())
            for model, part in report.models.items():
                seen.add_metric([model, report.server, report.replica], part.seen)
        yield from (seen, reported)
