"""One champion, watched window after window: the real checks and the real decision, on days in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airworthy.handover import Signal, SignalOutcome, WindowSignals
from airworthy.monitoring.assessment import judge_rise
from airworthy.monitoring.champion import Champion
from airworthy.monitoring.decision import Decided, Seen, decide_retraining
from airworthy.monitoring.inconclusive import Inconclusive
from airworthy.monitoring.memory import Memory
from airworthy.monitoring.performance import METRIC_OF_TASK
from airworthy.monitoring.scoring import score
from airworthy.monitoring.trial.world import Days
from airworthy.monitoring.watch import Finding, Watch
from airworthy.monitoring.windows import Span, last_complete
from airworthy.spec import ModelSpec


@dataclass(frozen=True)
class Step:
    """One window: what the signals said, and what was decided."""

    span: Span
    signals: WindowSignals
    decided: Decided


class Walk:
    """A champion's windows, one after the other, from its training on."""

    def __init__(self, spec: ModelSpec, champion: Champion, days: Days, folder: Path, trained: datetime) -> None:
        """Keep who is watched in which world; `folder` is for what is remembered between windows."""
        self._spec, self._champion, self._days = spec, champion, days
        self._memory, self._trained = Memory(folder, spec, champion), trained

    def spans(self, count: int) -> list[Span]:
        """Return the first windows after the training."""
        length = self._spec.monitor.window
        first = last_complete(self._trained, length).end
        return [Span(first + number * length, first + (number + 1) * length) for number in range(count)]

    def go(self, spans: Sequence[Span], days: Days | None = None, before: Sequence[Step] = ()) -> Iterator[Step]:
        """Watch windows in order.

        Args:
            spans: The windows.
            days: Another world than the walk's own.
            before: Earlier windows, which count for what has to persist; when one of them led to a training, that
                training was the last.
        """
        seen = [step.signals for step in before]
        asked = [step.span.end for step in before if step.decided.outcome == "retrain"]
        last = asked[-1] if asked else self._trained
        for span in spans:
            seen.append(self._signals(span, days or self._days))
            decided = decide_retraining(Seen(seen, last, 0), self._spec.monitor.retrain)
            if decided.outcome == "retrain":
                last = span.end
            yield Step(span, seen[-1], decided)

    def _signals(self, span: Span, days: Days) -> WindowSignals:
        watch = Watch(self._spec, self._champion, days, self._memory)
        labelled = last_complete(span.end - self._spec.ingest.label_delay, self._spec.monitor.window)
        found: dict[Signal, SignalOutcome] = {
            "skew": _outcome(lambda: watch.inputs(span, "skew")),
            "drift": _outcome(lambda: watch.inputs(span, "drift")),
            "label": _outcome(lambda: watch.labels(labelled)),
            "loss": self._loss(watch, labelled, days),
        }
        return WindowSignals(end=span.end, champion=self._champion.version, signals=found)

    def _loss(self, watch: Watch, span: Span, days: Days) -> SignalOutcome:
        labels, predictions = score(self._spec, self._champion.bundle, days.labelled(span))
        if len(labels) < self._spec.monitor.retrain.min_labels:
            return "inconclusive"
        try:
            rise = watch.errors(span, labels, predictions)
        except Inconclusive:
            return "inconclusive"
        return judge_rise(rise, self._spec.monitor.performance, METRIC_OF_TASK[self._spec.task])[0]


def _outcome(find: Callable[[], Finding]) -> SignalOutcome:
    try:
        return "fired" if find().judgement.fired else "quiet"
    except Inconclusive:
        return "inconclusive"
