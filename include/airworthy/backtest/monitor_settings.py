"""The settings of a monitor that are tuned, and their neighbours in a search. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from airworthy.days import DAY
from airworthy.monitoring.window_proposal import (
    WINDOWS,
    days_with_windows,
    find_blindness,
    propose_window,
)
from airworthy.spec.edit_spec import KeyPath
from airworthy.spec.fields import format_duration
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.monitor_part import WEEK, Monitor, Persistence

_PERSIST = (Persistence(1, 1), Persistence(2, 2), Persistence(2, 3), Persistence(3, 4))
_MAX_LOSS = (0.05, 0.1, 0.2, 0.4)
_COOLDOWN = (DAY, WEEK, 2 * WEEK, 4 * WEEK)


@dataclass(frozen=True)
class MonitorSettings:
    """The tuned settings of a monitor: the keys of the spec with these names."""

    window: timedelta
    reference: timedelta
    min_rows: int
    min_labels: int
    persist: Persistence
    cooldown: timedelta
    max_loss: float

    @classmethod
    def of(cls, monitor: Monitor) -> MonitorSettings:
        """Return the settings of a spec's monitor."""
        return cls(
            window=monitor.window,
            reference=monitor.reference,
            min_rows=monitor.min_rows,
            min_labels=monitor.retrain.min_labels,
            persist=monitor.retrain.persist,
            cooldown=monitor.retrain.cooldown,
            max_loss=monitor.performance.max_loss,
        )

    def apply(self, spec: ModelSpec) -> ModelSpec:
        """Return the spec with these settings."""
        monitor = spec.monitor
        retrain: dict[str, Any] = {
            "persist": self.persist,
            "cooldown": self.cooldown,
            "min_labels": self.min_labels,
        }
        update = {
            "window": self.window,
            "reference": self.reference,
            "min_rows": self.min_rows,
            "retrain": monitor.retrain.model_copy(update=retrain),
            "performance": monitor.performance.model_copy(update={"max_loss": self.max_loss}),
        }
        return spec.model_copy(update={"monitor": monitor.model_copy(update=update)})

    @property
    def words(self) -> str:
        """The settings in a few words, for a table."""
        return (
            f"window {format_duration(self.window)}, persist {self.persist}, "
            f"max_loss {self.max_loss:g}, cooldown {format_duration(self.cooldown)}"
        )

    @property
    def values(self) -> dict[KeyPath, str]:
        """Path of keys in a spec -> the value as YAML."""
        return {
            ("monitor", "window"): format_duration(self.window),
            ("monitor", "reference"): format_duration(self.reference),
            ("monitor", "min_rows"): str(self.min_rows),
            ("monitor", "performance", "max_loss"): f"{self.max_loss:g}",
            ("monitor", "retrain", "persist"): str(self.persist),
            ("monitor", "retrain", "cooldown"): format_duration(self.cooldown),
            ("monitor", "retrain", "min_labels"): str(self.min_labels),
        }


def changed_values(old: MonitorSettings, new: MonitorSettings) -> dict[KeyPath, str]:
    """Return path of keys -> the new value as YAML, of the settings that differ."""
    before = old.values
    return {keys: value for keys, value in new.values.items() if before[keys] != value}


@dataclass(frozen=True)
class SourceRows:
    """The rows of a source by day, days without rows included, and the share with a label."""

    of_days: tuple[int, ...]
    labelled: float

    @property
    def mean(self) -> float:
        """The mean rows a day."""
        return sum(self.of_days) / max(len(self.of_days), 1)


def is_blind(spec: ModelSpec, rows: SourceRows) -> bool:
    """Tell whether a spec's monitor is blind on a source."""
    return any(True for _ in find_blindness(spec, rows.of_days, rows.labelled))


def first_settings(spec: ModelSpec, rows: SourceRows) -> MonitorSettings:
    """Return the settings to begin a search with: the present ones, unless they are blind."""
    present = MonitorSettings.of(spec.monitor)
    if not is_blind(spec, rows):
        return present
    proposal = propose_window(rows.mean, rows.mean * rows.labelled)
    windows = [window for window in WINDOWS if _fits(spec, window)]
    window = max((each for each in windows if each <= proposal.window), default=proposal.window)
    return with_window(present, window, rows)


def longest_settings(spec: ModelSpec) -> MonitorSettings:
    """Return the settings of a candidate that need the oldest rows."""
    window = max((each for each in WINDOWS if _fits(spec, each)), default=spec.monitor.window)
    reference = max(spec.monitor.reference, 4 * max(window, WEEK))
    return replace(
        MonitorSettings.of(spec.monitor),
        window=window,
        reference=reference,
        persist=max(_PERSIST, key=lambda each: each.of),
    )


def with_window(settings: MonitorSettings, window: timedelta, rows: SourceRows) -> MonitorSettings:
    """Return settings with another window, and minimums that it usually reaches.

    Args:
        settings: The other settings.
        window: The length of a window.
        rows: The source's rows.
    """
    usual = rows.mean * (window / DAY)
    return replace(
        settings,
        window=window,
        reference=max(settings.reference, 4 * max(window, WEEK)),
        min_rows=_minimum(settings.min_rows, usual),
        min_labels=_minimum(settings.min_labels, usual * rows.labelled),
    )


def neighbours(
    spec: ModelSpec, settings: MonitorSettings, rows: SourceRows
) -> Iterator[list[MonitorSettings]]:
    """Yield the candidates of each coordinate; none of them is blind.

    Args:
        spec: The model's spec.
        settings: The best settings so far.
        rows: The source's rows.
    """
    windows = [with_window(settings, each, rows) for each in WINDOWS if _fits(spec, each)]
    coordinates = [
        windows,
        [replace(settings, cooldown=each) for each in _COOLDOWN],
        [replace(settings, max_loss=each) for each in _MAX_LOSS],
        [replace(settings, persist=each) for each in _PERSIST],
    ]
    for candidates in coordinates:
        yield [each for each in candidates if not is_blind(each.apply(spec), rows)]


def _fits(spec: ModelSpec, window: timedelta) -> bool:
    """Tell whether holdout and training always have whole windows of a length."""
    train = spec.train
    return train.holdout >= days_with_windows(
        window, 1
    ) and train.lookback - train.holdout >= days_with_windows(window, 2)


def _minimum(present: int, usual: float) -> int:
    return max(10, min(present, int(usual * 0.6)))
