"""The triggered strategy: the monitor's real checks and decision on every window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from airworthy.backtest.strategies import StrategyRun
from airworthy.days import DAY, floor_day
from airworthy.monitoring.follow_ups import find_follow_ups
from airworthy.monitoring.importance import column_importance
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.retraining_rule import SIGNALS_OF_REASON
from airworthy.monitoring.simulation.monitor_replay import MonitorReplay, ReplayedWindow
from airworthy.monitoring.spans import Span
from airworthy.replay import Replay, ReplayedModel


@dataclass(frozen=True)
class MonitoredWindow:
    """One window of the monitor: its end, the fired signals, and the outcome of the decision."""

    end: datetime
    fired: tuple[str, ...]
    outcome: str


def replay_triggered(
    replay: Replay,
    run: StrategyRun,
    live: LakeRows,
    end: datetime,
    report: Callable[[datetime], None],
) -> list[MonitoredWindow]:
    """Check the monitor's windows up to `end`, and train at every trigger.

    Args:
        replay: The model's past days.
        run: The strategy's run; its champion is monitored from its own day on.
        live: The live rows.
        end: Exclusive.
        report: Called with the end of every checked window.
    """
    windows: list[MonitoredWindow] = []
    monitor, earlier = _monitor(replay, run.champion, live), list[ReplayedWindow]()
    span, triggers = monitor.spans(1)[0], list[Any]()
    while span.end <= end:
        follow_ups = find_follow_ups(triggers, replay.spec, span.end)
        (window,) = monitor.run(
            [span], earlier=earlier, refused=run.rejected_in_a_row, follow_ups=follow_ups
        )
        earlier.append(window)
        windows.append(MonitoredWindow(span.end, tuple(window.fired), window.retraining.outcome))
        if window.triggered:
            triggers.append(_trigger(window))
            training = run.train(floor_day(span.end), _cause(window))
            if training.outcome == "champion":
                monitor, earlier = _monitor(replay, run.champion, live), []
        report(span.end)
        span = Span(span.end, span.end + replay.spec.monitor.window)
    return windows


def _trigger(window: ReplayedWindow) -> Any:
    """Return what is read of a decision to find its follow-ups."""
    result = window.retraining
    return SimpleNamespace(
        trigger=True,
        window_end=window.span.end,
        follows=result.follows,
        reason=result.reason,
        champion=window.signals.champion,
    )


def _cause(window: ReplayedWindow) -> str:
    """Return the decision's reason, with the drifted columns or how much worse the champion was."""
    reason = window.retraining.reason
    assert reason is not None, "a triggered training has a reason"
    fired = [
        window.results[signal]
        for signal in SIGNALS_OF_REASON[reason]
        if window.results[signal].outcome == "fired"
    ]
    if not fired:
        return window.retraining.words
    columns = list(dict.fromkeys(column for result in fired for column in result.columns))
    return f"{reason}: {', '.join(columns) or fired[0].words.partition(' that the holdout')[0]}"


def _monitor(replay: Replay, model: ReplayedModel, live: LakeRows) -> MonitorReplay:
    data, bounds = model.data, model.data.bounds
    champion = Champion(
        version=f"of {model.as_of:%Y-%m-%d}",
        run_id="",
        digest=model.key,
        bundle=model.bundle,
        importance=column_importance(model.bundle),
        rows=training_rows_of(model),
        training=Span(bounds.start, bounds.holdout_start),
        holdout=Span(bounds.holdout_start, bounds.end),
    )
    return MonitorReplay(data.job.spec, champion, live, replay.folder / "windows", model.as_of)


def training_rows_of(model: ReplayedModel) -> LakeRows:
    """Return the rows of a model's dataset version."""
    data = model.data
    return LakeRows(data.job.spec, data.lake, data.dataset.version, data.dataset.partitions)


def first_monitored_day(replay: Replay, start: datetime) -> datetime:
    """Return the first day whose rows are needed to monitor a champion as of `start`."""
    monitor = replay.spec.monitor
    back = monitor.reference + (monitor.retrain.persist.of + 1) * monitor.window
    return (start - back).replace(hour=0) - DAY
