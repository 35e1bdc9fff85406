"""Comparison of live windows with a champion's training data, its holdout, and recent live rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from airworthy.arrays import Array
from airworthy.handover import Shift
from airworthy.monitoring.check_results import InconclusiveError
from airworthy.monitoring.drift_rule import DriftResult, evaluate_drift
from airworthy.monitoring.live_rows import LiveRows
from airworthy.monitoring.loss_rise import LossRise, loss_rise, summarise_losses
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.shifts import Reference, measure_shifts, select_reference
from airworthy.monitoring.spans import Span, comparable_windows
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_summary import Summary
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class ReferenceRows:
    """The rows for a comparison: their source, their windows, and a description in words."""

    rows: LiveRows
    spans: Sequence[Span]
    words: str


@dataclass(frozen=True)
class ComparisonResult:
    """The result of a comparison.

    Attributes:
        shifts: The shifts of every column.
        drift: The result of the drift rule.
        reference: The summaries of the reference windows.
        reference_rows: Their rows.
    """

    shifts: list[Shift]
    drift: DriftResult
    reference: Reference
    reference_rows: ReferenceRows


class WindowComparison:
    """Compares live windows of one champion."""

    def __init__(
        self, spec: ModelSpec, champion: Champion, live_rows: LiveRows, cache: WindowCache
    ) -> None:
        """Prepare comparisons.

        Args:
            spec: The model's spec.
            champion: The champion.
            live_rows: The source of the live windows, and of recent windows for reference.
            cache: Summaries and losses of earlier comparisons.
        """
        self._spec = spec
        self._champion = champion
        self._live_rows = live_rows
        self._cache = cache

    def compare_inputs(self, span: Span, signal: Literal["skew", "drift"]) -> ComparisonResult:
        """Compare a window's inputs.

        Args:
            span: The window.
            signal: ``skew``: compare with the champion's training data. ``drift``: compare with
                recent live rows.

        Raises:
            InconclusiveError: when there are too few reference windows, or the window has no rows.
        """
        reference_rows = self._training_rows(span) if signal == "skew" else self._recent_rows(span)
        bins = self._cache.bins(self._spec.inputs)
        windows = self._cache.reference_windows(reference_rows.rows, reference_rows.spans, bins)
        reference = _require_reference(select_reference(windows, span.season), reference_rows)
        live = _require_rows(self._cache.summary(self._live_rows, span, bins))
        rules = self._spec.monitor.drift
        shifts = measure_shifts(live, reference, bins, rules, self._champion.importance)
        return ComparisonResult(shifts, evaluate_drift(shifts, rules), reference, reference_rows)

    def compare_labels(self, span: Span) -> ComparisonResult:
        """Compare a window's labels with those of the champion's training data.

        Raises:
            InconclusiveError: as `compare_inputs` does.
        """
        name, reference_rows = self._spec.ingest.label, self._training_rows(span)
        bins = self._cache.bins({name: self._spec.ingest.columns[name]})
        windows = self._cache.reference_windows(
            reference_rows.rows, reference_rows.spans, bins, labelled=True
        )
        reference = _require_reference(select_reference(windows, span.season), reference_rows)
        live = _require_rows(
            self._cache.summary(self._live_rows, span, bins, labelled=True, settled=False)
        )
        rules = self._spec.monitor.drift
        # No model reads the label, so it has no gain: give it all of the importance.
        shifts = measure_shifts(live, reference, bins, rules, {name: 1.0})
        return ComparisonResult(shifts, evaluate_drift(shifts, rules), reference, reference_rows)

    def compare_errors(self, span: Span, labels: Array, predictions: Array) -> LossRise:
        """Compare the champion's errors on a window with those expected from its holdout.

        Args:
            span: The window.
            labels: Values or class codes, shape (rows,).
            predictions: The champion's, shape (rows,), or (rows, classes) for a multiclass task.

        Raises:
            InconclusiveError: when the champion's training or holdout has too few windows.
        """
        training, holdout = (
            self._cache.champion_losses(comparable_windows(span, days.start, days.end))
            for days in (self._champion.training, self._champion.holdout)
        )
        live = summarise_losses(span.season, self._spec.task, labels, predictions)
        rise = loss_rise(self._spec.task, live, training, holdout)
        if rise is None:
            raise InconclusiveError(
                "too few windows of the champion's own data to know how its errors usually differ"
            )
        return rise

    def _training_rows(self, span: Span) -> ReferenceRows:
        since, until = self._champion.training.start, self._champion.holdout.end
        days = f"[{since:%Y-%m-%d}, {until:%Y-%m-%d})"
        words = f"training and holdout data of version {self._champion.version}, {days}"
        return ReferenceRows(self._champion.rows, comparable_windows(span, since, until), words)

    def _recent_rows(self, span: Span) -> ReferenceRows:
        """Return recent live rows.

        They end before the windows in which an unconfirmed drift may have begun.
        """
        monitor = self._spec.monitor
        until = span.start - (monitor.retrain.persist.of - 1) * monitor.window
        since = until - monitor.reference
        words = f"production in [{since:%Y-%m-%d %H:%M}, {until:%Y-%m-%d %H:%M})"
        return ReferenceRows(self._live_rows, comparable_windows(span, since, until), words)


def _require_reference(reference: Reference | None, rows: ReferenceRows) -> Reference:
    if reference is None:
        raise InconclusiveError(f"fewer than two windows with rows to compare with: {rows.words}")
    return reference


def _require_rows(summary: Summary | None) -> Summary:
    if summary is None:
        raise InconclusiveError("the window has no rows")
    return summary
