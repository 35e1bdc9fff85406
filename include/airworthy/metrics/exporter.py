"""Serves what runs and ends: the files of stages and the monitor, the ledgers' decisions, and what Airflow sends.

``GET /metrics`` on a TCP port; StatsD's datagrams on the UDP port of the same number. Whoever asks gets what the files
say at that moment; one that is broken is left out and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.metrics.ledger_metrics import Decisions
from airworthy.metrics.metric_files import SUFFIX, added, metrics_folder, read_metrics
from airworthy.metrics.statsd import Statsd, StatsdReceiver

log = logging.getLogger("airworthy.metrics")

LOOK_SECONDS = 30.0


class FileMetrics(Collector):
    """The metrics in the files of an environment's state, those of the same name together."""

    def __init__(self, environment: Environment) -> None:
        """Name the folder; it need not be there."""
        self._folder = metrics_folder(environment)
        self._read: dict[Path, tuple[tuple[int, int], list[Metric]]] = {}

    def collect(self) -> Iterator[Metric]:
        """Read the files and return their metrics, and how many of them cannot be read."""
        read: dict[Path, tuple[tuple[int, int], list[Metric]]] = {}
        unreadable = 0
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                read[path] = self._read_if_changed(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                log.warning("%s cannot be read: %s", path, error)
                unreadable += 1
        self._read = read
        yield from added(*(families for _, families in read.values()))
        yield GaugeMetricFamily(
            "airworthy_metrics_unreadable_files", "Files that are left out", value=unreadable
        )

    def _read_if_changed(self, path: Path) -> tuple[tuple[int, int], list[Metric]]:
        found = path.stat()
        # A file is replaced, never written to: another content is another inode.
        stamp = (found.st_mtime_ns, found.st_ino)
        known = self._read.get(path)
        return known if known is not None and known[0] == stamp else (stamp, read_metrics(path))


@contextmanager
def exported(environment: Environment, host: str, port: int) -> Iterator[Decisions]:
    """Serve an environment's metrics until the block ends.

    Raises:
        TerminalError: when the port is taken.
    """
    decisions, statsd, registry = Decisions(environment), Statsd(), CollectorRegistry()
    for collector in (FileMetrics(environment), decisions, statsd):
        registry.register(collector)
    ProcessCollector(registry=registry)
    with ExitStack() as ends:
        try:
            receiver = ends.enter_context(StatsdReceiver((host, port), statsd))
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise TerminalError(
                f"the metrics cannot be served: {error}",
                received=f"{host}:{port}",
                allowed="a free port, TCP and UDP",
                next_step="end the program that has it, or: airworthy metrics --port <free port>",
            ) from None
        ends.callback(thread.join)
        ends.callback(server.server_close)
        ends.callback(server.shutdown)
        threading.Thread(target=receiver.serve_forever, name="statsd", daemon=True).start()
        ends.callback(receiver.shutdown)
        yield decisions


def serve_metrics(environment: Environment, host: str, port: int) -> None:
    """Serve until the process ends.

    Raises:
        TerminalError: when the port is taken.
    """
    with exported(environment, host, port) as decisions:
        while True:
            try:
                decisions.look()
            except OSError as error:
                # A spec that is taken away while it is looked at; the last look holds.
                log.warning("the specs cannot be looked at: %s", error)
            time.sleep(LOOK_SECONDS)
