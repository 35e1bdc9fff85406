"""Metrics of the ledgers: entries by kind, and the `as_of` of the champion's training.

Ledgers are polled, and only new entries are read. Moments are UNIX times, so that an age grows
while nothing runs. The limits of the specs are exported too, except for models whose data have an
end.
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
from airworthy.ledger.events import AliasMove, Registration, Retirement
from airworthy.ledger.traffic_entries import is_followed_entry
from airworthy.spec import ModelSpec, find_specs

log = logging.getLogger("airworthy.metrics")


@dataclass
class LedgerCounts:
    """Counts and times of one model's ledger. Times are in seconds since 1970, UTC.

    Attributes:
        sequence: Number of the last counted entry.
        counts: Kind -> number of entries.
        last: Kind -> time of the newest entry.
        as_of: Registered version -> `as_of` of its training.
        champion: The champion's version. None: there is no champion.
        since: Time since which it is champion.
        followed: Number of the last entry that model servers follow; 0: there is none.
        readable: Whether the last poll could read the ledger.
    """

    sequence: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    last: dict[str, float] = field(default_factory=dict)
    as_of: dict[str, float] = field(default_factory=dict)
    champion: str | None = None
    since: float = 0.0
    followed: int = 0
    readable: bool = True

    def add(self, entries: list[Entry]) -> None:
        """Add the entries after the last counted entry, oldest first.

        Raises:
            TerminalError: when an entry cannot be read. The next call goes on after this entry.
        """
        for entry in entries:
            self.sequence = entry.sequence
            self.counts[entry.kind] += 1
            self.last[entry.kind] = _seconds(entry.time)
            if is_followed_entry(entry.entry_id):
                self.followed = entry.sequence
            if entry.kind in (Registration.kind, AliasMove.kind, Retirement.kind):
                self._add_version(entry)

    def _add_version(self, entry: Entry) -> None:
        match entry.event:
            case Registration(version=version, as_of=datetime() as as_of):
                self.as_of[version] = as_of.timestamp()
            case AliasMove(to=version):
                self.champion, self.since = version, self.last[entry.kind]
            case Retirement():
                self.champion, self.since = None, 0.0


class LedgerCollector(Collector):
    """The metrics of every model's ledger and spec, as of the last poll."""

    def __init__(self, environment: Environment) -> None:
        """Start without metrics, until the first `poll`."""
        self._environment = environment
        self._counts: dict[str, LedgerCounts] = {}
        self._specs: dict[Path, tuple[int, ModelSpec | None]] = {}
        self._metrics: list[Metric] = []

    def poll(self) -> None:
        """Read new entries and changed specs.

        An unreadable ledger keeps its last counts, and does not affect other models.
        """
        self._read_specs()
        self._counts = {
            path.parent.name: self._poll_ledger(path.parent.name) for path in sorted(self._specs)
        }
        limits = _limit_metrics([spec for _, spec in self._specs.values() if spec is not None])
        # One assignment: a request in another thread sees the last poll or this one, never a mix.
        self._metrics = [*_entry_metrics(self._counts), *_champion_metrics(self._counts), *limits]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last poll."""
        yield from self._metrics

    def _poll_ledger(self, model: str) -> LedgerCounts:
        counts = self._counts.get(model) or LedgerCounts()
        try:
            counts.add(open_ledger(self._environment, model).entries_after(counts.sequence))
            counts.readable = True
        except (AirworthyError, ValueError) as error:
            log.warning("%s: the ledger cannot be read: %s", model, error)
            counts.readable = False
        return counts

    def _read_specs(self) -> None:
        stamps = {
            path: path.stat().st_mtime_ns for path in self._environment.models.glob("*/model.yaml")
        }
        if stamps != {path: stamp for path, (stamp, _) in self._specs.items()}:
            specs = {each.path: each.spec for each in find_specs(self._environment.models)}
            self._specs = {path: (stamps.get(path, 0), spec) for path, spec in specs.items()}


def _entry_metrics(ledgers: dict[str, LedgerCounts]) -> Iterator[Metric]:
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
    followed = GaugeMetricFamily(
        "airworthy_ledger_followed_entry", "Last entry that model servers follow", labels=("model",)
    )
    for model, ledger in ledgers.items():
        readable.add_metric([model], ledger.readable)
        followed.add_metric([model], ledger.followed)
        for kind, count in ledger.counts.items():
            entries.add_metric([model, kind], count)
            last.add_metric([model, kind], ledger.last[kind])
    yield from (entries, last, readable, followed)


def _champion_metrics(ledgers: dict[str, LedgerCounts]) -> Iterator[Metric]:
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
    for model, ledger in ledgers.items():
        if ledger.champion is not None:
            since.add_metric([model, ledger.champion], ledger.since)
            if ledger.champion in ledger.as_of:
                as_of.add_metric([model, ledger.champion], ledger.as_of[ledger.champion])
    yield from (as_of, since)


def _limit_metrics(specs: list[ModelSpec]) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "airworthy_champion_max_age_seconds", "What the spec allows", labels=("model",)
    )
    delay = GaugeMetricFamily(
        "airworthy_data_max_delay_seconds", "What the spec allows", labels=("model",)
    )
    for spec in specs:
        # Data with an end, perhaps years ago, are never late.
        if spec.end is None:
            _add_limit(age, spec.model, spec.alerts.champion_max_age)
            _add_limit(delay, spec.model, spec.alerts.data_max_delay)
    yield from (age, delay)


def _add_limit(family: GaugeMetricFamily, model: str, limit: timedelta | None) -> None:
    if limit is not None:
        family.add_metric([model], limit.total_seconds())


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
