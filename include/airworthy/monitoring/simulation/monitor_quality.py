"""How good a model's monitor is: false alarms where nothing happened, and how soon it notices each kind of change.

Champions are trained at different times, each watched over the windows that follow. Then the world of the last of
these windows is changed, kind by kind, and watched again. A simulated world has another seed for every champion; of
any other source the real days are taken, so what fires there may be real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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
from airworthy.monitoring.simulation.injection import Injection, ignored_drift, injections
from airworthy.monitoring.simulation.walk import Step, Walk
from airworthy.monitoring.simulation.world import Days, read_days, train_champion
from airworthy.monitoring.spans import Span
from airworthy.spec.sources_part import SimulatorSource

WITHIN = 3  # windows, in which a change has to be noticed
_YEAR_AND_A_HALF = 548


@dataclass
class Noticed:
    """How one kind of change was noticed.

    Attributes:
        name: The kind.
        words: What was done, to which column.
        fired: In which window of each try, counted from 1, a signal fired first; None: not within `WITHIN`.
        triggered: In which a training was triggered first.
        signals: How many tries each signal fired in.
    """

    name: str
    words: str
    fired: list[int | None] = field(default_factory=list)
    triggered: list[int | None] = field(default_factory=list)
    signals: Counter[Signal] = field(default_factory=Counter)


@dataclass
class Quality:
    """What trying a monitor gave: over windows without a change, and by kind of change."""

    windows: int = 0
    champions: int = 0
    fired: Counter[Signal] = field(default_factory=Counter)
    fired_windows: int = 0
    triggered: int = 0
    noticed: dict[str, Noticed] = field(default_factory=dict)

    @property
    def false_alarms(self) -> float:
        """The share of the windows without a change in which a training was triggered."""
        return self.triggered / self.windows if self.windows else 0.0


def simulate_monitor(
    job: Job, champions: int, windows: int, told: Callable[[str], None]
) -> Quality:
    """Try the monitor of a job's model.

    Args:
        job: Its run's `as_of` is the end of the data, for a source that is not simulated.
        champions: How many champions are trained.
        windows: How many windows each is watched over; at least `WITHIN`.
        told: Is told of each champion, for people who wait.

    Raises:
        TerminalError: when the source has too few days, or a champion cannot be trained.
    """
    quality = Quality()
    with TemporaryDirectory() as folder:
        for number, (world, as_of) in enumerate(_worlds(job, champions, windows)):
            _try_champion(job, quality, Path(folder), world, as_of, number, windows)
            quality.champions += 1
            told(
                f"champion {number + 1} of {champions}, as of {as_of:%Y-%m-%d}: {quality.triggered} false alarms"
            )
    return quality


def _worlds(job: Job, champions: int, windows: int) -> Iterator[tuple[Days, datetime]]:
    """Return for each champion its world, and the end of its training data."""
    spec, monitor = job.spec, job.spec.monitor
    before = (
        max(spec.train.lookback, monitor.reference + monitor.retrain.persist.of * monitor.window)
        // DAY
    )
    after = -(-windows * monitor.window // DAY)
    for number, first in enumerate(_first_days(job, champions, before + after)):
        source = spec.ingest.source
        if isinstance(source, SimulatorSource):
            changed = source.model_copy(
                update={"seed": source.seed + 1 + number, "drift_from": None}
            )
            ingest = spec.ingest.model_copy(update={"source": changed})
            opened = open_source(
                Job(spec.model_copy(update={"ingest": ingest}), job.environment, job.run)
            )
        else:
            opened = open_source(job)
        yield (
            read_days(spec, opened, first, before + after, f"{number}"),
            midnight(first) + before * DAY,
        )


def _first_days(job: Job, champions: int, needed: int) -> list[date]:
    """Spread the champions' worlds evenly over the time for which there are data."""
    spec = job.spec
    if isinstance(spec.ingest.source, SimulatorSource):
        span = _YEAR_AND_A_HALF
    else:
        end = min(spec.end or date.max, (job.run.as_of - DAY).astimezone(UTC).date())
        span = (end - spec.start).days + 1 - needed
        if span < 0:
            raise TerminalError(
                "the source has too few days to try the monitor on",
                model=spec.model,
                received=f"{span + needed} days",
                allowed=f"at least {needed}",
                next_step="ask for fewer windows",
            )
    return [spec.start + timedelta(days=number * span // champions) for number in range(champions)]


def _try_champion(
    job: Job,
    quality: Quality,
    folder: Path,
    world: Days,
    as_of: datetime,
    number: int,
    windows: int,
) -> None:
    champion = train_champion(job, world, as_of, f"trial-{number}")
    walk = Walk(job.spec, champion, world, folder, as_of)
    quiet = list(walk.go(walk.spans(windows)))
    for step in quiet:
        fired = [signal for signal, outcome in step.signals.signals.items() if outcome == "fired"]
        quality.windows += 1
        quality.fired.update(fired)
        quality.fired_windows += bool(fired)
        quality.triggered += step.decided.outcome == "retrain"
    # Another weekday for every champion.
    start = max(0, windows - WITHIN - number % 7)
    spans = [step.span for step in quiet[start : start + WITHIN]]
    learned = pl.concat(list(world.frames(champion.learned.start, champion.learned.end)))
    kinds = injections(job.spec, champion.importance, learned)
    ignored = ignored_drift(job.spec, champion.importance, learned)
    for kind in [*kinds, *([ignored] if ignored else [])]:
        steps = walk.go(spans, _changed(world, kind, spans[0], number), quiet[:start])
        _note(quality.noticed.setdefault(kind.name, Noticed(kind.name, kind.words)), steps)


def _changed(world: Days, kind: Injection, since: Span, number: int) -> Days:
    """Return the world with every day changed from a window on."""
    chance = np.random.default_rng(number)
    days = [day for day in world.rows if midnight(day) >= since.start]
    return world.changed({day: kind.change(world.rows[day], chance) for day in days}, kind.name)


def _note(noticed: Noticed, found: Iterable[Step]) -> None:
    steps = list(found)
    fired = [
        [signal for signal, outcome in step.signals.signals.items() if outcome == "fired"]
        for step in steps
    ]
    noticed.fired.append(next((place for place, signals in enumerate(fired, 1) if signals), None))
    triggers = (place for place, step in enumerate(steps, 1) if step.decided.outcome == "retrain")
    noticed.triggered.append(next(triggers, None))
    noticed.signals.update({signal for signals in fired for signal in signals})
