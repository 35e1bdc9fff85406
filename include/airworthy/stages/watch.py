"""Watch: one look at a champion after its release. Records the trip, or the end of the watch.

A look keeps no state between calls: the ledger has it. The entry that made the version champion is
the beginning of its watch. Traffic goes back by the stage `rollback`, with the status as its reason.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airworthy.handover import ArmFigures, WatchState, WatchStatus
from airworthy.job import Job
from airworthy.ledger import Entry
from airworthy.ledger.events import WatchEnded, WatchTripped
from airworthy.ledger.events.watch_events import WatchOutcome
from airworthy.release.await_replicas import open_replicas
from airworthy.release.release_ledger import LedgerView, view_ledger
from airworthy.release.watch_record import (
    Watch,
    present_watch,
    reference_of,
    superseded_watches,
    watch_end,
)
from airworthy.release.watch_reports import WatchReports
from airworthy.release.watch_rule import WatchResult, evaluate_watch

log = logging.getLogger("airworthy.release")

# The store's clock stamps the reports. It may be behind this machine's clock.
_LAST_REPORTS = timedelta(seconds=30)


def watch(job: Job) -> WatchStatus:
    """Look at the champion once. See `WatchStatus` for the results.

    Without a live model server nothing trips: the next look may find one.

    Args:
        job: The run.

    Raises:
        TransientError: when the ledger or the reports cannot be reached.
    """
    look = _Look(job, view_ledger(job))
    look.end_superseded()
    present = present_watch(look.view.entries)
    if present is None:
        return look.not_watched()
    end = watch_end(look.view.entries, present)
    return look.evaluate(present) if end is None else look.ended(present, end)


@dataclass(frozen=True)
class _Look:
    job: Job
    view: LedgerView

    def end_superseded(self) -> None:
        """Record the end of watches whose version is champion no more."""
        for before, move in superseded_watches(self.view.entries):
            reason = f"version {move.event.to} became champion: {move.event.reason}"
            self._end(before, "superseded", [reason])

    def not_watched(self) -> WatchStatus:
        """Return the status of a champion that is not watched."""
        champion = self.view.champion
        reason = "it was not released with a watch" if champion else "there is no champion"
        return WatchStatus(
            model=self.job.spec.model, version=champion, state="none", reasons=[reason]
        )

    def ended(self, present: Watch, end: Entry[WatchTripped | WatchEnded]) -> WatchStatus:
        """Return the recorded end of the present watch. A tripped champion is to be left still."""
        event = end.event
        tripped = isinstance(event, WatchTripped)
        reasons = event.reasons if tripped else [*event.reasons, *event.missing]
        return self._status(present, "tripped" if tripped else "over", reasons, event.figures)

    def evaluate(self, present: Watch) -> WatchStatus:
        """Evaluate the guard on all servers' figures, and record a trip or the end."""
        place = open_replicas(self.job.environment, self.job.spec.model).reports
        reports = WatchReports(place.read(), self.job.spec.model, present, datetime.now(UTC))
        guard = self.job.spec.release.guard
        reference = reference_of(self.view.entries, present, guard)
        spans = reports.spans
        result, figures = evaluate_watch(guard, spans, reference), spans[0].arm.figures
        if result.trips:
            return self._trip(present, result, figures)
        over = reports.covers(present.until) or reports.now > present.until + _LAST_REPORTS
        if reports.now < present.until or not over:
            return self._status(present, "watching", [*result.missing, *reports.notes], figures)
        return self._over(present, result, figures, reports.notes)

    def _trip(self, present: Watch, result: WatchResult, figures: ArmFigures) -> WatchStatus:
        span = result.tripped
        entry = self.view.record(
            WatchTripped(
                version=present.version,
                since=present.since,
                champion_entry=present.entry,
                reasons=result.trips,
                judged=result.evaluated,
                missing=result.missing,
                figures=figures,
                **({"recent": span.arm.figures} if span is not None and span.recent else {}),
            )
        )
        log.warning(
            "%s: version %s is bad: %s",
            self.job.spec.model,
            present.version,
            "; ".join(result.trips),
        )
        return self.ended(present, entry)

    def _over(
        self, present: Watch, result: WatchResult, figures: ArmFigures, notes: list[str]
    ) -> WatchStatus:
        if figures.requests:
            entry = self._end(present, "well", notes, result, figures)
        else:
            reasons = ["nothing was watched: no request was seen", *notes]
            entry = self._end(present, "not_watched", reasons, result, figures)
        return self.ended(present, entry)

    def _end(
        self,
        present: Watch,
        outcome: WatchOutcome,
        reasons: list[str],
        result: WatchResult | None = None,
        figures: ArmFigures | None = None,
    ) -> Entry[WatchEnded]:
        result = result or WatchResult()
        return self.view.record(
            WatchEnded(
                version=present.version,
                since=present.since,
                champion_entry=present.entry,
                outcome=outcome,
                reasons=reasons,
                judged=result.evaluated,
                missing=result.missing,
                figures=figures,
            )
        )

    def _status(
        self,
        present: Watch,
        state: WatchState,
        reasons: list[str],
        figures: ArmFigures | None,
    ) -> WatchStatus:
        return WatchStatus(
            model=self.job.spec.model,
            version=present.version,
            state=state,
            since=present.since,
            until=present.until,
            reasons=reasons,
            figures=figures,
        )
