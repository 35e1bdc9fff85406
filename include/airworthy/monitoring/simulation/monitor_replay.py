"""Replay of the monitor: one champion's windows in order, with the real rules, without a ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airworthy.handover import Signal, SignalOutcome, WindowSignals
from airworthy.monitoring.champion_predictions import predict_labelled
from airworthy.monitoring.check_results import InconclusiveError
from airworthy.monitoring.drift_rule import describe
from airworthy.monitoring.follow_ups import FollowUps
from airworthy.monitoring.live_rows import LiveRows
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.retraining_rule import (
    RetrainingInputs,
    RetrainingResult,
    evaluate_retraining,
)
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_checks import evaluate_rise
from airworthy.monitoring.window_comparison import ComparisonResult, WindowComparison
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class SignalResult:
    """The result of one signal for a window: its outcome, in words, and the drifted columns."""

    outcome: SignalOutcome
    words: str
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class ReplayedWindow:
    """One window: its signals, and the result of the retraining rule.

    Attributes:
        span: The window.
        signals: The outcomes of the signals.
        results: The full results of the signals.
        retraining: The result of the retraining rule.
    """

    span: Span
    signals: WindowSignals
    results: Mapping[Signal, SignalResult]
    retraining: RetrainingResult

    @property
    def fired(self) -> list[Signal]:
        """The signals that fired."""
        return [signal for signal, result in self.results.items() if result.outcome == "fired"]

    @property
    def triggered(self) -> bool:
        """Whether a training was triggered."""
        return self.retraining.outcome == "retrain"


class MonitorReplay:
    """A champion's windows in order, from its training on."""

    def __init__(
        self, spec: ModelSpec, champion: Champion, rows: LiveRows, folder: Path, as_of: datetime
    ) -> None:
        """Prepare a replay.

        Args:
            spec: The model's spec.
            champion: The champion.
            rows: The source of the windows' rows.
            folder: The folder of the window cache.
            as_of: The `as_of` of the champion's training.
        """
        self._spec, self._champion, self._rows = spec, champion, rows
        self._cache, self._as_of = WindowCache(str(folder), spec, champion), as_of

    def spans(self, count: int) -> list[Span]:
        """Return the first windows after the training."""
        length = self._spec.monitor.window
        first = last_complete(self._as_of, length).end
        return [
            Span(first + number * length, first + (number + 1) * length) for number in range(count)
        ]

    def run(
        self,
        spans: Sequence[Span],
        rows: LiveRows | None = None,
        earlier: Sequence[ReplayedWindow] = (),
        refused: int = 0,
        follow_ups: FollowUps | None = None,
    ) -> Iterator[ReplayedWindow]:
        """Yield the windows with their signals, in order.

        Args:
            spans: The windows.
            rows: Another source of rows than the replay's own.
            earlier: Earlier windows. They count for the persistence of a reason. The last training
                is the one triggered last by them, if any.
            refused: Number of newest challengers refused in a row.
            follow_ups: The trainings of the last change.
        """
        windows = [window.signals for window in earlier]
        triggers = [window.span.end for window in earlier if window.triggered]
        last_retrained = triggers[-1] if triggers else self._as_of
        for span in spans:
            results = self._evaluate_signals(span, rows or self._rows)
            outcomes = {signal: result.outcome for signal, result in results.items()}
            windows.append(
                WindowSignals(end=span.end, champion=self._champion.version, signals=outcomes)
            )
            inputs = RetrainingInputs(windows, last_retrained, refused, follow_ups=follow_ups)
            retraining = evaluate_retraining(inputs, self._spec.monitor.retrain)
            window = ReplayedWindow(span, windows[-1], results, retraining)
            if window.triggered:
                last_retrained = span.end
            yield window

    def _evaluate_signals(self, span: Span, rows: LiveRows) -> dict[Signal, SignalResult]:
        comparison = WindowComparison(self._spec, self._champion, rows, self._cache)
        labelled_until = span.end - self._spec.ingest.label_delay
        labelled = last_complete(labelled_until, self._spec.monitor.window)
        return {
            "skew": self._shift_result(lambda: comparison.compare_inputs(span, "skew")),
            "drift": self._shift_result(lambda: comparison.compare_inputs(span, "drift")),
            "label": self._shift_result(lambda: comparison.compare_labels(labelled)),
            "loss": self._loss_result(comparison, labelled, rows),
        }

    def _shift_result(self, compare: Callable[[], ComparisonResult]) -> SignalResult:
        try:
            drift = compare().drift
        except InconclusiveError as reason:
            return SignalResult("inconclusive", str(reason))
        outcome: SignalOutcome = "fired" if drift.fired else "quiet"
        return SignalResult(outcome, describe(drift, self._spec.monitor.drift), drift.columns)

    def _loss_result(
        self, comparison: WindowComparison, span: Span, rows: LiveRows
    ) -> SignalResult:
        scored = predict_labelled(self._spec, self._champion.bundle, rows.labelled(span))
        labels, predictions = scored
        min_labels = self._spec.monitor.retrain.min_labels
        if len(labels) < min_labels:
            words = f"{len(labels)} labels of the window, at least {min_labels} are needed"
            return SignalResult("inconclusive", words)
        try:
            rise = comparison.compare_errors(span, labels, predictions)
        except InconclusiveError as reason:
            return SignalResult("inconclusive", str(reason))
        metric = METRIC_OF_TASK[self._spec.task]
        return SignalResult(*evaluate_rise(rise, self._spec.monitor.performance, metric))
