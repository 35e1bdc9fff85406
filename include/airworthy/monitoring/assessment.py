"""The checks on live inputs: against the champion's training data (skew), and against recent production (drift)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from airworthy.handover import LiveWindow, Shift, ShiftCheck, Signal
from airworthy.job import Job
from airworthy.monitoring.champion import Champion, open_champion
from airworthy.monitoring.evidence import keep
from airworthy.monitoring.inconclusive import Inconclusive
from airworthy.monitoring.judging import Judgement, describe, judge
from airworthy.monitoring.memory import Memory
from airworthy.monitoring.production import Production, open_production
from airworthy.monitoring.report import Drawn, draw, sample
from airworthy.monitoring.shifts import Reference, find_shifts, match
from airworthy.monitoring.windows import Span, like

log = logging.getLogger("airworthy.monitor")

MOST_SHIFTS = 100  # of those handed over; the evidence has all
_MATCHED_WINDOWS_DRAWN = 4


class Compared(NamedTuple):
    """What a live window is compared with: rows, the windows among them, and in words."""

    rows: Production
    spans: Sequence[Span]
    words: str


def check_inputs(job: Job, live: LiveWindow, signal: Signal) -> ShiftCheck:
    """Compare a live window's inputs with the reference of a signal, ``skew`` or ``drift``.

    Raises:
        TerminalError: when the champion's files are not those that were registered.
        TransientError: when the lake or MLflow cannot be reached.
    """
    try:
        return _check(job, live, signal)
    except Inconclusive as why:
        return keep(inconclusive(job, signal, str(why)))


def _check(job: Job, live: LiveWindow, signal: Signal) -> ShiftCheck:
    monitor, span = job.spec.monitor, Span(live.start, live.end)
    if live.rows < monitor.min_rows:
        raise Inconclusive(f"{live.rows} rows in the window, at least {monitor.min_rows} are needed")
    champion, production = open_champion(job, live.champion), open_production(job, live)
    compared = _skew(champion, span) if signal == "skew" else _drift(job, production, span)
    memory = Memory(job, champion)
    bins = memory.bins(job.spec.inputs)
    reference = demand_reference(match(memory.windows(compared.rows, compared.spans, bins), span.season), compared)
    summary = memory.summary(production, span, bins)
    if summary is None:
        raise Inconclusive("the window's rows are gone")
    shifts = find_shifts(summary, reference, bins, monitor.drift, champion.importance)
    judgement = judge(shifts, monitor.drift)
    check = shift_check(job, signal, shifts, judgement, reference, compared.words)
    drawn = _draw(job, check, production, span, compared)
    log.info("%s: %s: %s", signal, check.outcome, check.words)
    check = check.model_copy(update={"report": str(drawn.page) if drawn.page else None})
    return keep(check, shifts=[shift.model_dump() for shift in shifts], evidently=drawn.scores)


def _skew(champion: Champion, span: Span) -> Compared:
    since, until = champion.learned.start, champion.holdout.end
    words = f"what version {champion.version} was trained and judged on, [{since:%Y-%m-%d}, {until:%Y-%m-%d})"
    return Compared(champion.rows, like(span, since, until), words)


def _drift(job: Job, production: Production, span: Span) -> Compared:
    """Recent production ends before the windows that a drift may have begun in without being confirmed yet."""
    monitor = job.spec.monitor
    until = span.start - (monitor.retrain.persist.of - 1) * monitor.window
    since = until - monitor.reference
    words = f"production in [{since:%Y-%m-%d %H:%M}, {until:%Y-%m-%d %H:%M})"
    return Compared(production, like(span, since, until), words)


def demand_reference(reference: Reference | None, compared: Compared) -> Reference:
    """Return the reference.

    Raises:
        Inconclusive: when there is none.
    """
    if reference is None:
        raise Inconclusive(f"fewer than two windows with rows to compare with: {compared.words}")
    return reference


def _draw(job: Job, check: ShiftCheck, production: Production, span: Span, compared: Compared) -> Drawn:
    matched = [each for each in compared.spans if not check.seasonal or each.season == span.season]
    reference = sample(compared.rows, matched[-_MATCHED_WINDOWS_DRAWN:], list(job.spec.inputs))
    live = sample(production, [span], list(job.spec.inputs))
    return draw(job.spec, live, reference, job.evidence / f"{check.signal}.html")


def shift_check(
    job: Job, signal: Signal, shifts: Sequence[Shift], judgement: Judgement, reference: Reference, words: str
) -> ShiftCheck:
    """Put together what a check hands over: the weightiest shifts, and what they come to."""
    first = sorted(shifts, key=lambda shift: -shift.effect / shift.threshold)[:MOST_SHIFTS]
    return ShiftCheck(
        signal=signal, outcome="fired" if judgement.fired else "quiet",
        words=describe(judgement, job.spec.monitor.drift), reference=words,
        reference_windows=len(reference.matched), reference_rows=reference.rows, seasonal=reference.seasonal,
        shifts=first, drifted=judgement.columns, drifted_importance=judgement.importance,
        evidence=str(job.evidence / f"{signal}.json"),
    )  # fmt: skip


def inconclusive(job: Job, signal: Signal, words: str) -> ShiftCheck:
    """Return a check that can say nothing, and why."""
    log.warning("%s: inconclusive: %s", signal, words)
    return ShiftCheck(
        signal=signal, outcome="inconclusive", words=words, reference="", evidence=str(job.evidence / f"{signal}.json")
    )
