"""Airflow's own metrics: received by StatsD's protocol, and exported to Prometheus.

Airflow counts in many short processes, so their values are added here. A line is
``name,tag=value,tag=value:number|kind``, with tags in InfluxDB's format. Counters become
``name_total``. Timers are in milliseconds and become ``name_seconds``, as sum and count. Dots
become underscores. Only names beginning with ``airflow``, Airflow's default prefix, are accepted:
no other sender can overwrite other metrics.
"""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from itertools import chain
from typing import Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

MAX_SERIES = 20_000
MIN_SERIES = 1_000
MAX_LENGTH = 2_000
"""The longest name with its labels, in characters."""
_SHARE_OF_A_NAME = 8
_LINE = re.compile(
    r"^(?P<name>airflow[^:,|\s]*)(?P<tags>(?:,[a-z_][^:=,|]*=[^:,|]*)*)"
    r":(?P<value>[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)\|(?P<kind>c|g|ms)"
    r"(?:\|@(?P<rate>[0-9.]+(?:e-?[0-9]+)?))?$",
    re.IGNORECASE,
)
_INVALID_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")
# Airflow sends it as a counter, but its value also goes down.
_GAUGES_SENT_AS_COUNTERS = frozenset({"airflow_dag_processing_processes"})

Kind = Literal["counter", "gauge", "summary"]
_Labels = tuple[tuple[str, str], ...]


class Measurement(NamedTuple):
    """One line.

    Attributes:
        kind: The kind of metric.
        name: The metric's name, without a suffix such as ``_total``.
        labels: Sorted pairs of name and value.
        value: The value. Times are in seconds.
        change: Whether the value is added to the gauge's value instead of replacing it.
    """

    kind: Kind
    name: str
    labels: _Labels
    value: float
    change: bool = False


class StatsdCollector(Collector):
    """The metrics of all received lines. Thread-safe.

    Attributes:
        malformed: Number of malformed lines.
        dropped: Number of lines dropped because there were too many series.
    """

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        """Start empty. Senders may create up to `max_series` series."""
        self.malformed = self.dropped = 0
        self._max_series = max_series
        self._lock = threading.Lock()
        # Each series has the number of its lines, and its value.
        self._values: dict[tuple[Kind, str], dict[_Labels, list[float]]] = {}
        self._series = 0

    def add_datagram(self, datagram: bytes) -> None:
        """Add the lines of a datagram."""
        for line in datagram.decode("utf-8", errors="replace").splitlines():
            measurement = parse_line(line)
            with self._lock:
                if measurement is None:
                    self.malformed += 1
                else:
                    self._add(measurement)

    def _add(self, measurement: Measurement) -> None:
        kind, name, labels, value, change = measurement
        totals = self._values.get((kind, name), {}).get(labels)
        if totals is None:
            if not self._has_room(measurement):
                self.dropped += 1
                return
            self._series += 1
            totals = self._values.setdefault((kind, name), {})[labels] = [0.0, 0.0]
        totals[0] += 1
        totals[1] = value if kind == "gauge" and not change else totals[1] + value

    def _has_room(self, measurement: Measurement) -> bool:
        """Tell whether a new series may be kept. A flood in one name leaves room for the others."""
        of_name = self._values.get((measurement.kind, measurement.name), ())
        length = len(measurement.name) + sum(map(len, chain(*measurement.labels)))
        return (
            length <= MAX_LENGTH
            and self._series < self._max_series
            and len(of_name) < max(self._max_series // _SHARE_OF_A_NAME, MIN_SERIES)
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        with self._lock:
            values = {
                key: {labels: tuple(totals) for labels, totals in series.items()}
                for key, series in self._values.items()
            }
            dropped = {"malformed": self.malformed, "too_many_series": self.dropped}
        names: set[str] = set()
        for (kind, name), series in sorted(values.items()):
            # Prometheus rejects a name with two types.
            if name not in names:
                names.add(name)
                yield _family(kind, name, series)
        yield _dropped_family(dropped)


def parse_line(line: str) -> Measurement | None:
    """Return the measurement of a line; None if it is malformed.

    >>> parse_line("airflow.dagrun.duration,dag_id=eta:1500|ms")[:2]
    ('summary', 'airflow_dagrun_duration_seconds')
    >>> parse_line("someone.else:1|c") is None
    True
    """
    match = _LINE.match(line.strip())
    if match is None:
        return None
    try:
        value, rate = float(match["value"]), float(match["rate"] or 1.0)
    except ValueError:
        return None
    name, labels = _INVALID_CHARACTER.sub("_", match["name"]), _parse_tags(match["tags"])
    kind = match["kind"].lower()
    if kind == "ms":
        return Measurement("summary", f"{name}_seconds", labels, value / 1e3)
    if kind == "g" or name in _GAUGES_SENT_AS_COUNTERS:
        change = kind == "c" or match["value"][0] in "+-"
        return Measurement("gauge", name, labels, value, change)
    return Measurement("counter", name, labels, value / rate) if value >= 0 and rate > 0 else None


def _parse_tags(text: str) -> _Labels:
    tags = (tag.split("=", 1) for tag in text.split(",")[1:])
    return tuple(sorted({_INVALID_CHARACTER.sub("_", key): value for key, value in tags}.items()))


def _family(kind: Kind, name: str, series: dict[_Labels, tuple[float, ...]]) -> Metric:
    family = Metric(name, f"Airflow's {name}", kind)
    for labels, (count, value) in series.items():
        if kind == "summary":
            family.add_sample(f"{name}_count", dict(labels), count)
            family.add_sample(f"{name}_sum", dict(labels), value)
        else:
            family.add_sample(f"{name}_total" if kind == "counter" else name, dict(labels), value)
    return family


def _dropped_family(dropped: dict[str, int]) -> Metric:
    family = CounterMetricFamily(
        "airworthy_statsd_dropped", "Lines from Airflow that do not count", labels=["why"]
    )
    for reason, count in dropped.items():
        family.add_metric([reason], count)
    return family


class StatsdReceiver(socketserver.UDPServer):
    """A UDP server for datagrams of StatsD lines."""

    max_packet_size = 65_507

    def __init__(self, address: tuple[str, int], statsd: StatsdCollector) -> None:
        """Bind the address (host, port).

        Raises:
            OSError: when the address is in use.
        """
        self.statsd = statsd
        super().__init__(address, _DatagramHandler)


class _DatagramHandler(socketserver.BaseRequestHandler):
    server: StatsdReceiver

    def handle(self) -> None:
        self.server.statsd.add_datagram(self.request[0])
