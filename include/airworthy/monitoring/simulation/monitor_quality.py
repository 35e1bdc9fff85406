"""Quality of a model's monitor: its false alarms, and its delay in detecting each kind of change.

Champions are trained as of different days, and each is monitored over the windows that follow. Then
the rows of the last of these windows are changed, one kind at a time, and monitored again. A
simulated source gets another seed for every champion. Other sources give real days, so a signal
without an injected change may be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from airworthy.days import DAY, midnight
from airworthy.errors import TerminalError
from airworthy.handover import Signal
from airworthy.job import Job
from airworthy.lake.sources import open_source
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.simulation.in_memory_rows import InMemoryRows, read_days
from airworthy.monitoring.simulation.injection import Injection, ignored_drift, injections
from airworthy.monitoring.simulation.monitor_replay import MonitorReplay, ReplayedWindow
from airworthy.monitoring.simulation.replayed_ledger import ReplayedLedger
from airworthy.monitoring.simulation.simulated_champion import train_champion
from airworthy.monitoring.spans import Span
from airworthy.monitoring.static_rows import require_time
from airworthy.progress import Progress
from airworthy.spec.sources_part import SimulatorSource

DETECTION_WINDOWS = 3  # a change has to be detected within these
_SIMULATED_DAYS = 548  # champions are spread over a year and a half


@dataclass
class Detection:
    """The detection of one kind of change, with one entry per champion.

    Attributes:
        name: The kind of change.
        words: The change and its column in words.
        fired: Number of the first window with a signal, from 1. None: not within
            `DETECTION_WINDOWS`.
        triggered: Number of the first window with a triggered training, from 1, or None.
        signals: Signal -> number of champions for which it fired.
    """

    name: str
    words: str
    fired: list[int | None] = field(default_factory=list)
    triggered: list[int | None] = field(default_factory=list)
    signals: Counter[Signal] = field(default_factory=Counter)

    def add(self, windows: Sequence[ReplayedWindow]) -> None:
        """Add one champion's changed windows, in order."""
        numbered = list(enumerate(windows, 1))
        self.fired.append(next((number for number, window in numbered if window.fired), None))
        triggers = (number for number, window in numbered if window.triggered)
        self.triggered.append(next(triggers, None))
        self.signals.update({signal for window in windows for signal in window.fired})


@dataclass
class MonitorQuality:
    """The result of a simulation.

    Attributes:
        windows: Number of windows without a change.
        champions: Number of champions.
        fired: Signal -> number of these windows in which it fired.
        fired_windows: Number of these windows in which any signal fired.
        triggered: Number of these windows in which a training was triggered.
        detections: Kind of change -> its detection.
    """

    windows: int = 0
    champions: int = 0
    fired: Counter[Signal] = field(default_factory=Counter)
    fired_windows: int = 0
    triggered: int = 0
    detections: dict[str, Detection] = field(default_factory=dict)

    @property
    def false_alarms(self) -> float:
        """Share of the windows without a change in which a training was triggered."""
        return self.triggered / self.windows if self.windows else 0.0

    def add_unchanged(self, windows: Sequence[ReplayedWindow]) -> None:
        """Add one champion's windows without a change."""
        for window in windows:
            self.windows += 1
            self.fired.update(window.fired)
            self.fired_windows += bool(window.fired)
            self.triggered += window.triggered

    def add_changed(self, injection: Injection, windows: Sequence[ReplayedWindow]) -> None:
        """Add one champion's windows with an injected change."""
        detection = Detection(injection.name, injection.words)
        self.detections.setdefault(injection.name, detection).add(windows)


@dataclass(frozen=True)
class _ChampionData:
    """The data of one champion: its number, its rows, and the end of its training data."""

    number: int
    rows: InMemoryRows
    as_of: datetime


def simulate_monitor(job: Job, champions: int, windows: int, report: Progress) -> MonitorQuality:
    """Simulate the monitor of a job's model.

    Args:
        job: Its run's `as_of` is the end of the data, for a source other than the simulator.
        champions: Number of champions to train.
        windows: Number of windows per champion, at least `DETECTION_WINDOWS`.
        report: Called after each champion.

    Raises:
        TerminalError: when the source has too few days, or a champion cannot be trained.
    """
    require_time(job.spec, "monitor-quality")
    quality = MonitorQuality()
    with TemporaryDirectory() as folder:
        for data in _champion_data(job, champions, windows):
            _simulate_champion(job, data, windows, Path(folder), quality)
            quality.champions += 1
            done = quality.champions
            alarms = f"{quality.triggered} false alarms"
            text = f"champion {done} of {champions}, as of {data.as_of:%Y-%m-%d}: {alarms}"
            report(done, champions, text)
    return quality


def _champion_data(job: Job, champions: int, windows: int) -> Iterator[_ChampionData]:
    spec, monitor = job.spec, job.spec.monitor
    reference = monitor.reference + monitor.retrain.persist.of * monitor.window
    days_before = max(spec.train.lookback, reference) // DAY
    days_after = -(-windows * monitor.window // DAY)
    days = days_before + days_after
    for number, first in enumerate(_first_days(job, champions, days)):
        source = open_source(_with_seed(job, number))
        rows = read_days(spec, source, first, days, f"{number}")
        yield _ChampionData(number, rows, midnight(first) + days_before * DAY)


def _with_seed(job: Job, number: int) -> Job:
    """Return the job with another seed for its simulated source, and without drift."""
    source = job.spec.ingest.source
    if not isinstance(source, SimulatorSource):
        return job
    update = {"seed": source.seed + 1 + number, "drift_from": None}
    ingest = job.spec.ingest.model_copy(update={"source": source.model_copy(update=update)})
    return Job(job.spec.model_copy(update={"ingest": ingest}), job.environment, job.run)


def _first_days(job: Job, champions: int, days: int) -> list[date]:
    """Return the first day of each champion's data, spread evenly over the source's days."""
    spec = job.spec
    if isinstance(spec.ingest.source, SimulatorSource):
        spread = _SIMULATED_DAYS
    else:
        end = min(spec.end or date.max, (job.run.as_of - DAY).astimezone(UTC).date())
        spread = (end - spec.start).days + 1 - days
        if spread < 0:
            raise TerminalError(
                "the source has too few days to try the monitor on",
                model=spec.model,
                received=f"{spread + days} days",
                allowed=f"at least {days}",
                next_step="ask for fewer windows",
            )
    return [
        spec.start + timedelta(days=number * spread // champions) for number in range(champions)
    ]


def _simulate_champion(
    job: Job, data: _ChampionData, windows: int, folder: Path, quality: MonitorQuality
) -> None:
    ledger = ReplayedLedger()
    version = ledger.add_version(data.as_of, "schedule", approved=True)
    name = f"simulated-{data.number}"
    champion = replace(train_champion(job, data.rows, data.as_of, name), version=version)
    replay = MonitorReplay(job, champion, data.rows, folder, ledger)
    unchanged = list(replay.run(replay.spans(windows, data.as_of)))
    quality.add_unchanged(unchanged)
    # The change begins on another weekday for every champion.
    start = max(0, windows - DETECTION_WINDOWS - data.number % 7)
    spans = [window.span for window in unchanged[start : start + DETECTION_WINDOWS]]
    for injection in _injections(job, champion, data.rows):
        changed = _change_rows(data, injection, spans[0])
        before = ledger.before(spans[0].end)
        replayed = list(MonitorReplay(job, champion, changed, folder, before).run(spans))
        quality.add_changed(injection, replayed)


def _injections(job: Job, champion: Champion, rows: InMemoryRows) -> list[Injection]:
    training = pl.concat(list(rows.frames(champion.training.start, champion.training.end)))
    ignored = ignored_drift(job.spec, champion.importance, training)
    changes = injections(job.spec, champion.importance, training)
    return [*changes, ignored] if ignored else changes


def _change_rows(data: _ChampionData, injection: Injection, since: Span) -> InMemoryRows:
    """Return the rows with every day changed from a window on."""
    rows, generator = data.rows, np.random.default_rng(data.number)
    days = [day for day in rows.rows if midnight(day) >= since.start]
    changed = {day: injection.change(rows.rows[day], generator) for day in days}
    return rows.with_changes(changed, injection.name)
