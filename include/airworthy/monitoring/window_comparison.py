"""Windows of production against what a champion knows: its training data, recent production, its holdout's errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from airworthy.arrays import Array
from airworthy.handover import Shift
from airworthy.monitoring.drift_rule import Judgement, judge
from airworthy.monitoring.inconclusive import InconclusiveError
from airworthy.monitoring.live_rows import Production
from airworthy.monitoring.loss_rise import LossRise, loss_rise, losses_of
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.shifts import Reference, find_shifts, match
from airworthy.monitoring.spans import Span, like
from airworthy.monitoring.window_cache import Memory
from airworthy.monitoring.window_summary import Summary
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class Compared:
    """What a window is compared with: windows of some rows, and in words."""

    rows: Production
    spans: Sequence[Span]
    words: str


@dataclass(frozen=True)
class Finding:
    """How a window compares: every shift, what they come to, and what it was compared with."""

    shifts: list[Shift]
    judgement: Judgement
    reference: Reference
    compared: Compared


class Watch:
    """One champion, watched over some production."""

    def __init__(
        self, spec: ModelSpec, champion: Champion, production: Production, memory: Memory
    ) -> None:
        """Keep who is watched, where, and what was computed before."""
        self._spec, self._champion, self._production, self._memory = (
            spec,
            champion,
            production,
            memory,
        )

    def inputs(self, span: Span, signal: Literal["skew", "drift"]) -> Finding:
        """Compare a window's inputs.

        Args:
            span: The window.
            signal: ``skew``: with the champion's training data; ``drift``: with recent production.

        Raises:
            InconclusiveError: when there are too few windows to compare with, or the window has no rows.
        """
        compared = self._trained(span) if signal == "skew" else self._recent(span)
        bins = self._memory.bins(self._spec.inputs)
        windows = self._memory.windows(compared.rows, compared.spans, bins)
        reference = _demand(match(windows, span.season), compared)
        live = _demand_rows(self._memory.summary(self._production, span, bins))
        drift = self._spec.monitor.drift
        shifts = find_shifts(live, reference, bins, drift, self._champion.importance)
        return Finding(shifts, judge(shifts, drift), reference, compared)

    def labels(self, span: Span) -> Finding:
        """Compare the labels of a window that are known with those of the champion's training data.

        Raises:
            InconclusiveError: as `inputs` does.
        """
        name, compared = self._spec.ingest.label, self._trained(span)
        bins = self._memory.bins({name: self._spec.ingest.columns[name]})
        windows = self._memory.windows(compared.rows, compared.spans, bins, labelled=True)
        reference = _demand(match(windows, span.season), compared)
        live = _demand_rows(
            self._memory.summary(self._production, span, bins, labelled=True, settled=False)
        )
        drift = self._spec.monitor.drift
        # A label has no importance of its own: what the model is to predict matters wholly.
        shifts = find_shifts(live, reference, bins, drift, {name: 1.0})
        return Finding(shifts, judge(shifts, drift), reference, compared)

    def errors(self, span: Span, labels: Array, predictions: Array) -> LossRise:
        """Compare the champion's errors on a window with what its holdout promised.

        Args:
            span: The window.
            labels: Values or class codes, shape (rows,).
            predictions: The champion's, as it gives them.

        Raises:
            InconclusiveError: when the champion's own data have too few windows.
        """
        trained, holdout = (
            self._memory.trained_losses(like(span, days.start, days.end))
            for days in (self._champion.learned, self._champion.holdout)
        )
        live = losses_of(span.season, self._spec.task, labels, predictions)
        rise = loss_rise(self._spec.task, live, trained, holdout)
        if rise is None:
            raise InconclusiveError(
                "too few windows of the champion's own data to know how its errors differ anyway"
            )
        return rise

    def _trained(self, span: Span) -> Compared:
        since, until = self._champion.learned.start, self._champion.holdout.end
        words = f"what version {self._champion.version} was trained and judged on, [{since:%Y-%m-%d}, {until:%Y-%m-%d})"
        return Compared(self._champion.rows, like(span, since, until), words)

    def _recent(self, span: Span) -> Compared:
        """Recent production ends before the windows in which a drift may have begun without being confirmed yet."""
        monitor = self._spec.monitor
        until = span.start - (monitor.retrain.persist.of - 1) * monitor.window
        since = until - monitor.reference
        words = f"production in [{since:%Y-%m-%d %H:%M}, {until:%Y-%m-%d %H:%M})"
        return Compared(self._production, like(span, since, until), words)


def _demand(reference: Reference | None, compared: Compared) -> Reference:
    if reference is None:
        raise InconclusiveError(
            f"fewer than two windows with rows to compare with: {compared.words}"
        )
    return reference


def _demand_rows(summary: Summary | None) -> Summary:
    if summary is None:
        raise InconclusiveError("the window has no rows")
    return summary
