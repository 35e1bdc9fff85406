"""Airflow's own metrics: what it sends in StatsD's protocol, with tags as InfluxDB writes them, as Prometheus' metrics.

StatsD, because Airflow counts in many processes that end soon: what each sends is added up here. A line is
``name,tag=value,tag=value:number|kind``. Counters become ``name_total``; timers, milliseconds there, become
``name_seconds``, as sum and count; dots become underscores. Names begin with ``airflow``, as Airflow's do unless it is
told otherwise: whoever else sends something here cannot pass for another.
"""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from typing import Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

MOST_SERIES = 20_000
_LINE = re.compile(
    r"^(?P<name>airflow[^:,|\s]*)(?P<tags>(?:,[a-z_][^:=,|]*=[^:,|]*)*):(?P<value>[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)\|(?P<kind>c|g|ms)"
    r"(?:\|@(?P<rate>[0-9.]+(?:e-?[0-9]+)?))?$",
    re.IGNORECASE,
)
_OTHER = re.compile(r"[^a-zA-Z0-9_]")
# The one "counter" of Airflow that also goes down.
_UP_AND_DOWN = frozenset({"airflow_dag_processing_processes"})

Kind = Literal["counter", "gauge", "summary"]
_Labels = tuple[tuple[str, str], ...]


class Measurement(NamedTuple):
    """One line: `change` is added to what a gauge has, instead of taking its place; seconds, where it is a time."""

    kind: Kind
    name: str
    labels: _Labels
    value: float
    change: bool = False


class Statsd(Collector):
    """What was sent so far. Safe to use from several threads.

    Attributes:
        malformed: How many lines could not be understood.
        dropped: How many lines were let go because there are too many series already.
    """

    def __init__(self, most_series: int = MOST_SERIES) -> None:
        """Start with nothing; whoever may send here may make up to `most_series` series."""
        self.malformed = self.dropped = 0
        self._most_series = most_series
        self._lock = threading.Lock()
        self._values: dict[tuple[Kind, str], dict[_Labels, list[float]]] = {}
        self._series = 0

    def take(self, datagram: bytes) -> None:
        """Count what a datagram says."""
        for line in datagram.decode("utf-8", errors="replace").splitlines():
            measurement = parse(line)
            with self._lock:
                if measurement is None:
                    self.malformed += 1
                else:
                    self._count(measurement)

    def _count(self, one: Measurement) -> None:
        series = self._values.setdefault((one.kind, one.name), {})
        known = series.get(one.labels)
        if known is None:
            if self._series >= self._most_series:
                self.dropped += 1
                return
            self._series += 1
            known = series[one.labels] = [0.0, 0.0]
        known[0] += 1
        known[1] = one.value if one.kind == "gauge" and not one.change else known[1] + one.value

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        with self._lock:
            values = {
                key: {labels: tuple(v) for labels, v in series.items()}
                for key, series in self._values.items()
            }
            lost = {"malformed": self.malformed, "too_many_series": self.dropped}
        names: set[str] = set()
        for (kind, name), series in sorted(values.items()):
            # Were one name sent as two kinds, Prometheus would take neither.
            if name not in names:
                names.add(name)
                yield _family(kind, name, series)
        dropped = CounterMetricFamily(
            "airworthy_statsd_dropped", "Lines from Airflow that do not count", labels=["why"]
        )
        for why, count in lost.items():
            dropped.add_metric([why], count)
        yield dropped


def parse(line: str) -> Measurement | None:
    """Return what a line says; None when it cannot be understood."""
    found = _LINE.match(line.strip())
    if found is None:
        return None
    try:
        value, rate = float(found["value"]), float(found["rate"] or 1.0)
    except ValueError:
        return None
    name = _OTHER.sub("_", found["name"])
    tags = (tag.split("=", 1) for tag in found["tags"].split(",")[1:])
    labels = tuple(sorted({_OTHER.sub("_", key): text for key, text in tags}.items()))
    kind = found["kind"].lower()
    if kind == "ms":
        return Measurement("summary", f"{name}_seconds", labels, value / 1e3)
    if kind == "g" or name in _UP_AND_DOWN:
        return Measurement(
            "gauge", name, labels, value, change=kind == "c" or found["value"][0] in "+-"
        )
    return Measurement("counter", name, labels, value / rate) if value >= 0 and rate > 0 else None


def _family(kind: Kind, name: str, series: dict[_Labels, tuple[float, ...]]) -> Metric:
    family = Metric(name, f"Airflow's {name}", kind)
    for labels, (count, value) in series.items():
        if kind == "summary":
            family.add_sample(f"{name}_count", dict(labels), count)
            family.add_sample(f"{name}_sum", dict(labels), value)
        else:
            family.add_sample(f"{name}_total" if kind == "counter" else name, dict(labels), value)
    return family


class StatsdReceiver(socketserver.UDPServer):
    """Listens for datagrams until it is closed."""

    max_packet_size = 65_507

    def __init__(self, address: tuple[str, int], statsd: Statsd) -> None:
        """Bind the address (host, port).

        Raises:
            OSError: when something listens there already.
        """
        self.statsd = statsd
        super().__init__(address, _Datagram)


class _Datagram(socketserver.BaseRequestHandler):
    server: StatsdReceiver

    def handle(self) -> None:
        self.server.statsd.take(self.request[0])
