"""Replay of the monitor: its real checks and its real decision on past windows.

Only the sources differ from a real run: rows of the past, a champion that was never registered, and
a ledger in memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airworthy.handover import DataCheck, DriftDecision, LiveWindow, Signal
from airworthy.job import Job
from airworthy.monitoring.build_decision import Checks, build_decision
from airworthy.monitoring.judge_window import WindowData, judge_window, labelled_span
from airworthy.monitoring.live_rows import LiveRows
from airworthy.monitoring.live_window import count_rows
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.retraining_rule import SIGNALS_OF_REASON
from airworthy.monitoring.simulation.replayed_ledger import ReplayedLedger
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.window_cache import WindowCache


class ReplayedWindow:
    """One window: its checks and the decision."""

    def __init__(self, span: Span, checks: Checks, decision: DriftDecision) -> None:
        """Keep a window's results."""
        self.span, self.checks, self.decision = span, checks, decision

    @property
    def fired(self) -> list[Signal]:
        """The signals that fired."""
        signals = self.decision.signals.items()
        return [signal for signal, outcome in signals if outcome == "fired"]

    @property
    def triggered(self) -> bool:
        """Whether a training was triggered."""
        return self.decision.trigger

    @property
    def cause(self) -> str:
        """The reason, with the drifted columns or how much worse the champion was."""
        reason, checks = self.decision.reason, self.checks
        if reason is None:
            return ""
        shifts = {"skew": checks.skew, "drift": checks.drift, "label": checks.performance.label}
        fired = [signal for signal in self.fired if signal in SIGNALS_OF_REASON[reason]]
        if not fired:
            return self.decision.told
        drifted = [name for signal in fired if signal in shifts for name in shifts[signal].drifted]
        loss = checks.performance.words.partition(" that the holdout")[0]
        return f"{reason}: {', '.join(dict.fromkeys(drifted)) or loss}"


class MonitorReplay:
    """The monitor of one model over past windows."""

    def __init__(
        self,
        job: Job,
        champion: Champion,
        rows: LiveRows,
        folder: Path,
        ledger: ReplayedLedger,
        memo: dict[Hashable, Any] | None = None,
    ) -> None:
        """Prepare a replay.

        Args:
            job: The model's job; of its run, only `as_of` is replaced.
            champion: The champion, by its number in `ledger`.
            rows: The source of the windows' rows.
            folder: The folder of the window cache.
            ledger: The earlier windows and trainings. The replay adds its decisions.
            memo: Comparisons of other replays; see `WindowData`.
        """
        self._job, self._rows, self._folder = job, rows, folder
        self.ledger, self._memo = ledger, memo
        self._last: tuple[Span, Span] | None = None
        self._skipped = datetime.min.replace(tzinfo=UTC)
        self.watch(champion)

    def watch(self, champion: Champion) -> None:
        """Judge another champion from now on."""
        self._champion, self._last = champion, None
        cache = WindowCache(str(self._folder), self._job.spec, champion)
        self._data = WindowData(champion, self._rows, cache, self._memo)

    def skip_to(self, moment: datetime) -> None:
        """Leave out the windows up to a moment: the monitor judged them before."""
        length = self._job.spec.monitor.window
        self._skipped = last_complete(moment, length).end

    def spans(self, count: int, as_of: datetime) -> list[Span]:
        """Return the first windows after a moment."""
        length = self._job.spec.monitor.window
        first = last_complete(as_of, length).end
        return [
            Span(first + number * length, first + (number + 1) * length) for number in range(count)
        ]

    def run(self, spans: Sequence[Span]) -> Iterator[ReplayedWindow]:
        """Yield windows in order, each judged at its end."""
        for span in spans:
            window = self.look(span, span.end)
            if window is not None:
                yield window

    def look(self, span: Span, moment: datetime) -> ReplayedWindow | None:
        """Judge a window at a moment, as the monitor's run at that time does.

        Args:
            span: The newest complete window at that moment.
            moment: The `as_of` of the run, UTC.

        Returns:
            None when it is decided, or when a look before saw the same rows.
        """
        seen = (span, labelled_span(self._job.spec, span.end, moment))
        if span.end <= self._skipped or span.end in self.ledger.decided or seen == self._last:
            return None
        self._last = seen
        run = self._job.run.model_copy(update={"as_of": moment})
        job = Job(self._job.spec, self._job.environment, run)
        checks = judge_window(job, self._data_check(span), lambda: self._data)
        decision = build_decision(job, checks, self.ledger.entries, self.ledger.tags)
        self.ledger.add_decision(decision)
        return ReplayedWindow(span, checks, decision)

    def _data_check(self, span: Span) -> DataCheck:
        window = LiveWindow(
            model=self._job.spec.model,
            start=span.start,
            end=span.end,
            production="lake",
            version=None,
            rows=self._data.remember(("rows", span), lambda: count_rows(self._rows, span)),
            quarantined=0,
            newest=None,
            champion=self._champion.version,
            champion_digest=self._champion.digest,
        )
        return DataCheck(window=window, success=True, checks=[], evidence="")
