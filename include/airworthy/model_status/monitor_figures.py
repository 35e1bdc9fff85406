"""The windows of the monitor, and the shifts of columns in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airworthy.handover import ShiftCheck
from airworthy.ledger import Entry
from airworthy.ledger.events import RetrainingDecision
from airworthy.ledger.ledger_queries import of_kind
from airworthy.model_status.model_history import DRIFT_WINDOWS, DriftFigure, WindowFigure
from airworthy.model_status.run_evidence import RunEvidence, ShiftSignal
from airworthy.model_status.summarise import champion_decisions
from airworthy.monitoring.drift_rule import worst_shifts

_SIGNALS: tuple[ShiftSignal, ...] = ("skew", "drift")


def window_figures(entries: Sequence[Entry]) -> list[WindowFigure]:
    """Return the monitor's decisions. Of several on one window and champion, the last one counts."""
    figures = {
        (each.event.decision.window_end, each.event.decision.champion): _window(each)
        for each in of_kind(entries, RetrainingDecision)
    }
    return sorted(figures.values(), key=lambda figure: (figure.end, figure.entry))


def _window(entry: Entry[RetrainingDecision]) -> WindowFigure:
    decision = entry.event.decision
    return WindowFigure(
        start=decision.window_start.isoformat(),
        end=decision.window_end.isoformat(),
        champion=decision.champion,
        outcome=decision.outcome,
        told=decision.told,
        signals={str(name): outcome for name, outcome in decision.signals.items()},
        entry=entry.sequence,
    )


def drift_figures(
    entries: Sequence[Entry], champion: str | None, evidence: RunEvidence
) -> list[DriftFigure]:
    """Return the largest shift of each column in the champion's last windows.

    Args:
        entries: The ledger, oldest first.
        champion: The champion's version; None: there are none.
        evidence: The evidence of the runs.

    Raises:
        TransientError: when the lake cannot be reached.
    """
    by_end = {
        each.event.decision.window_end: each for each in champion_decisions(entries, champion)
    }
    newest = [by_end[end] for end in sorted(by_end)][-DRIFT_WINDOWS:]
    checks = {signal: evidence.shifts(newest, signal) for signal in _SIGNALS}
    return [
        figure
        for number, entry in enumerate(newest)
        for signal in _SIGNALS
        for figure in _shifts(entry, checks[signal][number])
    ]


def _shifts(entry: Entry[RetrainingDecision], check: ShiftCheck | None) -> Iterator[DriftFigure]:
    if check is None:
        return
    end = entry.event.decision.window_end.isoformat()
    worst = worst_shifts(check.shifts)
    for column, shift in sorted(worst.items(), key=lambda item: (-item[1].importance, item[0])):
        yield DriftFigure(
            end=end,
            signal=check.signal,
            column=column,
            aspect=shift.aspect,
            value=shift.effect,
            threshold=shift.threshold,
            importance=shift.importance,
            drifted=column in check.drifted,
        )
