"""What the ledgers say, as metrics: every decision by kind, and up to when the champion's training saw data.

Ledgers are looked at now and then, and of each only the entries that are new are read. Moments are UNIX times, so that
an age grows while nothing runs; a spec's limits are beside them, for those models whose data go on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airworthy.environment import Environment
from airworthy.errors import AirworthyError
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import AliasMove, Registration
from airworthy.ledger.ledger_queries import of_kind
from airworthy.spec import ModelSpec, find_specs

log = logging.getLogger("airworthy.metrics")


@dataclass
class Decided:
    """What one model's ledger says. Times are in seconds since 1970, UTC."""

    sequence: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    last: dict[str, float] = field(default_factory=dict)
    as_of: dict[str, float] = field(default_factory=dict)
    champion: str | None = None
    since: float = 0.0
    readable: bool = True

    def take(self, entries: list[Entry]) -> None:
        """Take entries that follow on those taken before, oldest first."""
        for entry in entries:
            self.sequence = entry.sequence
            self.counts[entry.kind] += 1
            self.last[entry.kind] = _seconds(entry.time)
        for registered in of_kind(entries, Registration):
            if registered.event.as_of is not None:
                self.as_of[registered.event.version] = registered.event.as_of.timestamp()
        for move in of_kind(entries, AliasMove):
            self.champion, self.since = move.event.to, _seconds(move.time)


class Decisions(Collector):
    """The metrics of every model's ledger and spec."""

    def __init__(self, environment: Environment) -> None:
        """Start with nothing known; see `look`."""
        self._environment = environment
        self._known: dict[str, Decided] = {}
        self._specs: dict[Path, tuple[int, ModelSpec | None]] = {}
        self._metrics: list[Metric] = []

    def look(self) -> None:
        """Read what is new; one model's ledger that cannot be read harms no other's, and what it said before holds."""
        self._read_specs()
        self._known = {
            path.parent.name: self._look_at(path.parent.name) for path in sorted(self._specs)
        }
        limits = _limit_metrics([spec for _, spec in self._specs.values() if spec is not None])
        # In one piece: whoever asks meanwhile, from another thread, is told of the look before.
        self._metrics = [*_entry_metrics(self._known), *_champion_metrics(self._known), *limits]

    def collect(self) -> Iterator[Metric]:
        """Return the metrics, as of the last look."""
        yield from self._metrics

    def _look_at(self, model: str) -> Decided:
        decided = self._known.get(model) or Decided()
        try:
            decided.take(open_ledger(self._environment, model).entries_after(decided.sequence))
            decided.readable = True
        except (AirworthyError, ValueError) as error:
            log.warning("%s: the ledger cannot be read: %s", model, error)
            decided.readable = False
        return decided

    def _read_specs(self) -> None:
        stamps = {
            path: path.stat().st_mtime_ns for path in self._environment.models.glob("*/model.yaml")
        }
        if stamps != {path: stamp for path, (stamp, _) in self._specs.items()}:
            found = {each.path: each.spec for each in find_specs(self._environment.models)}
            self._specs = {path: (stamps.get(path, 0), spec) for path, spec in found.items()}


def _entry_metrics(known: dict[str, Decided]) -> Iterator[Metric]:
    labels = ("model", "kind")
    entries = CounterMetricFamily(
        "airworthy_ledger_entries", "Entries of the ledger", labels=labels
    )
    last = GaugeMetricFamily(
        "airworthy_ledger_last_entry_timestamp_seconds", "Time of the newest", labels=labels
    )
    readable = GaugeMetricFamily(
        "airworthy_ledger_readable",
        "0 when the ledger cannot be reached, or was changed",
        labels=("model",),
    )
    for model, decided in known.items():
        readable.add_metric([model], decided.readable)
        for kind, count in decided.counts.items():
            entries.add_metric([model, kind], count)
            last.add_metric([model, kind], decided.last[kind])
    yield from (entries, last, readable)


def _champion_metrics(known: dict[str, Decided]) -> Iterator[Metric]:
    labels = ("model", "version")
    as_of = GaugeMetricFamily(
        "airworthy_champion_as_of_timestamp_seconds",
        "Up to when the champion's training saw data",
        labels=labels,
    )
    since = GaugeMetricFamily(
        "airworthy_champion_since_timestamp_seconds",
        "Since when the version is champion",
        labels=labels,
    )
    for model, decided in known.items():
        if decided.champion is not None:
            since.add_metric([model, decided.champion], decided.since)
            if decided.champion in decided.as_of:
                as_of.add_metric([model, decided.champion], decided.as_of[decided.champion])
    yield from (as_of, since)


def _limit_metrics(specs: list[ModelSpec]) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "airworthy_champion_max_age_seconds", "What the spec allows", labels=("model",)
    )
    delay = GaugeMetricFamily(
        "airworthy_data_max_delay_seconds", "What the spec allows", labels=("model",)
    )
    for spec in specs:
        # Data that have an end, of years ago perhaps, are late to nobody.
        if spec.end is None:
            _add_limit(age, spec.model, spec.alerts.champion_max_age)
            _add_limit(delay, spec.model, spec.alerts.data_max_delay)
    yield from (age, delay)


def _add_limit(family: GaugeMetricFamily, model: str, most: timedelta | None) -> None:
    if most is not None:
        family.add_metric([model], most.total_seconds())


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
