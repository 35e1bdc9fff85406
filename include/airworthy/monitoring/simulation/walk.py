"""One champion, watched window after window: the real checks and the real decision, without a ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airworthy.handover import Signal, SignalOutcome, WindowSignals
from airworthy.monitoring.champion_predictions import score
from airworthy.monitoring.drift_rule import describe
from airworthy.monitoring.inconclusive import InconclusiveError
from airworthy.monitoring.live_rows import Production
from airworthy.monitoring.loss_rise import METRIC_OF_TASK
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.retraining_rule import Decided, Seen, decide_retraining
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.window_cache import Memory
from airworthy.monitoring.window_checks import judge_rise
from airworthy.monitoring.window_comparison import Finding, Watch
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class Said:
    """What one signal said of a window: its outcome, in words, and the columns that drifted."""

    outcome: SignalOutcome
    words: str
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class Step:
    """One window: what the signals said, and what was decided."""

    span: Span
    signals: WindowSignals
    decided: Decided
    said: Mapping[Signal, Said]


class Walk:
    """A champion's windows, one after the other, from its training on."""

    def __init__(
        self, spec: ModelSpec, champion: Champion, days: Production, folder: Path, trained: datetime
    ) -> None:
        """Keep who is watched in which world; `folder` is for what is remembered between windows."""
        self._spec, self._champion, self._days = spec, champion, days
        self._memory, self._trained = Memory(folder, spec, champion), trained

    def spans(self, count: int) -> list[Span]:
        """Return the first windows after the training."""
        length = self._spec.monitor.window
        first = last_complete(self._trained, length).end
        return [
            Span(first + number * length, first + (number + 1) * length) for number in range(count)
        ]

    def go(
        self,
        spans: Sequence[Span],
        days: Production | None = None,
        before: Sequence[Step] = (),
        refused: int = 0,
    ) -> Iterator[Step]:
        """Watch windows in order.

        Args:
            spans: The windows.
            days: Another world than the walk's own.
            before: Earlier windows, which count for what has to persist; when one of them led to a training, that
                training was the last.
            refused: How many of the newest challengers were refused, one after the other.
        """
        seen = [step.signals for step in before]
        asked = [step.span.end for step in before if step.decided.outcome == "retrain"]
        last = asked[-1] if asked else self._trained
        for span in spans:
            said = self._said(span, days or self._days)
            outcomes = {signal: each.outcome for signal, each in said.items()}
            seen.append(
                WindowSignals(end=span.end, champion=self._champion.version, signals=outcomes)
            )
            decided = decide_retraining(Seen(seen, last, refused), self._spec.monitor.retrain)
            if decided.outcome == "retrain":
                last = span.end
            yield Step(span, seen[-1], decided, said)

    def _said(self, span: Span, days: Production) -> dict[Signal, Said]:
        watch = Watch(self._spec, self._champion, days, self._memory)
        labelled = last_complete(
            span.end - self._spec.ingest.label_delay, self._spec.monitor.window
        )
        return {
            "skew": self._shifts(lambda: watch.inputs(span, "skew")),
            "drift": self._shifts(lambda: watch.inputs(span, "drift")),
            "label": self._shifts(lambda: watch.labels(labelled)),
            "loss": self._loss(watch, labelled, days),
        }

    def _shifts(self, find: Callable[[], Finding]) -> Said:
        try:
            judgement = find().judgement
        except InconclusiveError as why:
            return Said("inconclusive", str(why))
        outcome: SignalOutcome = "fired" if judgement.fired else "quiet"
        return Said(outcome, describe(judgement, self._spec.monitor.drift), judgement.columns)

    def _loss(self, watch: Watch, span: Span, days: Production) -> Said:
        labels, predictions = score(self._spec, self._champion.bundle, days.labelled(span))
        needed = self._spec.monitor.retrain.min_labels
        if len(labels) < needed:
            return Said(
                "inconclusive", f"{len(labels)} labels of the window, at least {needed} are needed"
            )
        try:
            rise = watch.errors(span, labels, predictions)
        except InconclusiveError as why:
            return Said("inconclusive", str(why))
        return Said(
            *judge_rise(rise, self._spec.monitor.performance, METRIC_OF_TASK[self._spec.task])
        )
