"""The model servers' reports about a watched champion. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airworthy.release.await_replicas import silent_words
from airworthy.release.client_arms import ClientArms, open_words, told_apart
from airworthy.release.watch_record import Watch
from airworthy.release.watch_rule import Span
from airworthy.traffic.replica_report import ArmReport, WatchReport
from airworthy.traffic.replica_reports import Replica


@dataclass(frozen=True)
class WatchReports:
    """The reports of all servers, live or not, about a watched champion.

    A server that ended keeps counting with its last report. A restarted one starts anew.

    Attributes:
        replicas: The servers by their last reports.
        model: The model.
        watch: The watch.
        now: The time of the look, UTC.
    """

    replicas: Sequence[Replica]
    model: str
    watch: Watch
    now: datetime

    @property
    def spans(self) -> list[Span]:
        """The whole time, then the last two windows together, then the last window alone."""
        whole = [report.whole for _, report in self._reports]
        windows = self._windows()
        last = max(windows, default=0)
        both = [*windows.get(last - 1, []), *windows.get(last, [])]
        spans = [
            ("since it became champion", whole, False),
            ("in the last minutes", both, True),
            ("in the last minutes", windows.get(last, []), True),
        ]
        return [self._span(words, reports, recent) for words, reports, recent in spans]

    def _span(self, words: str, reports: list[ArmReport], recent: bool) -> Span:
        arms = ClientArms(self.watch.version, reports)
        if not told_apart([replica.report.clients for replica in self._live], arms.names):
            return Span(words, arms.arm(), recent)
        return Span(words, arms.arm(), recent, arms.arm, tuple(arms.names))

    def covers(self, until: datetime) -> bool:
        """Tell whether every live server has reported since a time, UTC."""
        return all(replica.written >= until for replica in self._live)

    @property
    def notes(self) -> list[str]:
        """Words about servers that do not count."""
        silent = [silent_words(each) for each, _ in self._reports if each.is_silent(self.now)]
        unseen = [] if self._live else ["no model server reports"]
        return [*silent, *unseen, *open_words([each.report.clients for each in self._live])]

    @property
    def _live(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.is_live(self.now)]

    @property
    def _reports(self) -> list[tuple[Replica, WatchReport]]:
        """The reports of exactly this watch."""
        found = []
        for replica in self.replicas:
            report = replica.report.models.get(self.model)
            if report is not None and report.watch and report.watch.entry == self.watch.entry:
                found.append((replica, report.watch))
        return found

    def _windows(self) -> dict[int, list[ArmReport]]:
        """Return the servers' windows by number."""
        windows: dict[int, list[ArmReport]] = {}
        for _, report in self._reports:
            for window in report.windows:
                windows.setdefault(window.number, []).append(window.arm)
        return windows
