"""The metrics exporter: metric files, ledgers, shared gauges, model servers, Airflow's metrics.

``GET /metrics`` is on a TCP port, StatsD's datagrams come to the UDP port of the same number. Files
are read at every request. A broken file is left out and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.metrics.ledger_metrics import LedgerCollector
from airworthy.metrics.metric_files import SUFFIX, metrics_folder, read_metrics, sum_metrics
from airworthy.metrics.replica_metrics import ReplicaCollector
from airworthy.metrics.shared_gauges import PREFIXES, SharedGauges
from airworthy.metrics.statsd import StatsdCollector, StatsdReceiver

log = logging.getLogger("airworthy.metrics")

POLL_SECONDS = 30.0


class FileCollector(Collector):
    """The metrics of all files in an environment's state folder, added up by name."""

    def __init__(self, environment: Environment) -> None:
        """Use the environment's metrics folder, which may be missing."""
        self._folder = metrics_folder(environment)
        self._read: dict[Path, tuple[tuple[int, int], list[Metric]]] = {}

    def collect(self) -> Iterator[Metric]:
        """Read the files, and yield their metrics and the number of unreadable files."""
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
        families = sum_metrics(*(families for _, families in read.values()))
        yield from (each for each in families if not each.name.startswith(PREFIXES))
        yield GaugeMetricFamily(
            "airworthy_metrics_unreadable_files", "Files that are left out", value=unreadable
        )

    def _read_if_changed(self, path: Path) -> tuple[tuple[int, int], list[Metric]]:
        status = path.stat()
        # A file is replaced, never written to: another content is another inode.
        stamp = (status.st_mtime_ns, status.st_ino)
        cached = self._read.get(path)
        return cached if cached is not None and cached[0] == stamp else (stamp, read_metrics(path))


class Record:
    """The metrics of what all machines share: ledgers, shared gauges, and servers' reports."""

    def __init__(self, environment: Environment) -> None:
        """Start without metrics, until the first `poll`."""
        # The reports come last: a server that follows at once is never behind its ledger.
        self.collectors = (
            LedgerCollector(environment),
            SharedGauges(environment),
            ReplicaCollector(environment),
        )

    def poll(self) -> None:
        """Read the record again."""
        for collector in self.collectors:
            collector.poll()


@contextmanager
def metrics_server(
    environment: Environment, host: str, port: int, *, machine_only: bool = False
) -> Iterator[Record]:
    """Serve an environment's metrics until the block ends. Yields the record to poll.

    Args:
        environment: The environment.
        host: Address to bind.
        port: TCP and UDP port to bind.
        machine_only: Serve this machine's files alone. Another exporter serves what all machines
            share, and Airflow's metrics: twice they would count double.

    Raises:
        TerminalError: when the port is not free.
    """
    record, statsd, registry = Record(environment), StatsdCollector(), CollectorRegistry()
    registry.register(FileCollector(environment))
    for collector in () if machine_only else (*record.collectors, statsd):
        registry.register(collector)
    ProcessCollector(registry=registry)
    with ExitStack() as stack:
        try:
            receiver = stack.enter_context(StatsdReceiver((host, port), statsd))
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise TerminalError(
                f"the metrics cannot be served: {error}",
                received=f"{host}:{port}",
                allowed="a free port, TCP and UDP",
                next_step="end the program that has it, or: airworthy metrics --port <free port>",
            ) from None
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        threading.Thread(target=receiver.serve_forever, name="statsd", daemon=True).start()
        stack.callback(receiver.shutdown)
        yield record


def serve_metrics(
    environment: Environment,
    host: str,
    port: int,
    *,
    machine_only: bool = False,
    on_address: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve an environment's metrics until the process ends.

    Args:
        environment: The environment.
        host: Address to bind.
        port: TCP and UDP port to bind.
        machine_only: See `metrics_server`.
        on_address: Called with the address of the metrics, when they are served.

    Raises:
        TerminalError: when the port is not free.
    """
    with metrics_server(environment, host, port, machine_only=machine_only) as record:
        on_address(f"http://{host}:{port}/metrics")
        while True:
            try:
                if not machine_only:
                    record.poll()
            except OSError as error:
                # A spec was removed during the poll. The values of the last poll stay.
                log.warning("the specs cannot be looked at: %s", error)
            time.sleep(POLL_SECONDS)
