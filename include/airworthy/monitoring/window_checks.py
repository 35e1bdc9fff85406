"""The checks on a live window, as they are handed over and kept: inputs, labels, and the champion's errors."""

from __future__ import annotations

import logging
from typing import Literal

from airworthy.evaluation.task_metrics import measure
from airworthy.handover import LiveWindow, PerformanceCheck, ShiftCheck, Signal, SignalOutcome
from airworthy.job import Job
from airworthy.monitoring.champion_predictions import score
from airworthy.monitoring.check_evidence import keep
from airworthy.monitoring.drift_rule import describe
from airworthy.monitoring.evidently_report import Drawn, draw, sample
from airworthy.monitoring.inconclusive import InconclusiveError
from airworthy.monitoring.live_rows import Production, open_production
from airworthy.monitoring.loss_rise import METRIC_OF_TASK, LossRise
from airworthy.monitoring.monitored_champion import open_champion
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.window_cache import Memory
from airworthy.monitoring.window_comparison import Finding, Watch
from airworthy.spec.monitor_part import Performance

log = logging.getLogger("airworthy.monitor")

MOST_SHIFTS = 100  # of those handed over; the evidence has all
_WINDOWS_DRAWN = 4


def check_inputs(job: Job, live: LiveWindow, signal: Literal["skew", "drift"]) -> ShiftCheck:
    """Compare a live window's inputs with the champion's training data, or with recent production.

    Raises:
        TerminalError: when the champion's files are not those that were registered.
        TransientError: when the lake or MLflow cannot be reached.
    """
    span, needed = Span(live.start, live.end), job.spec.monitor.min_rows
    try:
        if live.rows < needed:
            raise InconclusiveError(f"{live.rows} rows in the window, at least {needed} are needed")
        champion, production = open_champion(job, live.champion), open_production(job, live)
        found = Watch(job.spec, champion, production, Memory.of(job, champion)).inputs(span, signal)
    except InconclusiveError as why:
        return keep(_nothing_said(job, signal, str(why)))
    drawn = _draw(job, signal, production, span, found)
    check = _shift_check(job, signal, found).model_copy(
        update={"report": str(drawn.page) if drawn.page else None}
    )
    return keep(
        check, shifts=[shift.model_dump() for shift in found.shifts], evidently=drawn.scores
    )


def labelled_window(job: Job, live: LiveWindow) -> Span:
    """Return the newest window whose labels are known by the run's `as_of`: at the latest the live one."""
    return last_complete(
        min(live.end, job.run.as_of - job.spec.ingest.label_delay), job.spec.monitor.window
    )


def check_labels(job: Job, live: LiveWindow) -> PerformanceCheck:
    """Compare labels that have arrived, and the champion's errors on them, with what it was trained and judged on.

    Raises:
        TerminalError: when the champion's files are not those that were registered.
        TransientError: when the lake or MLflow cannot be reached.
    """
    span, metric, count = labelled_window(job, live), METRIC_OF_TASK[job.spec.task], 0
    try:
        champion, production = open_champion(job, live.champion), open_production(job, live)
        labels, predictions = score(job.spec, champion.bundle, production.labelled(span))
        count, needed = len(labels), job.spec.monitor.retrain.min_labels
        if count < needed:
            raise InconclusiveError(f"{count} labels of the window, at least {needed} are needed")
        watch = Watch(job.spec, champion, production, Memory.of(job, champion))
        rise, found = watch.errors(span, labels, predictions), watch.labels(span)
    except InconclusiveError as why:
        return keep(
            PerformanceCheck(
                start=span.start,
                end=span.end,
                labels=count,
                metric=metric,
                outcome="inconclusive",
                words=str(why),
                label=keep(_nothing_said(job, "label", str(why))),
                evidence=str(job.evidence / "performance.json"),
            )
        )
    outcome, words = judge_rise(rise, job.spec.monitor.performance, metric)
    log.info("performance: %s: %s", outcome, words)
    return keep(
        PerformanceCheck(
            start=span.start,
            end=span.end,
            labels=count,
            metric=metric,
            outcome=outcome,
            words=words,
            value=rise.value,
            expected=rise.expected,
            rise=rise.rise,
            p_value=rise.p_value,
            metrics=measure(
                job.spec.task, labels, predictions, job.spec.evaluate.decision_threshold
            ),
            label=keep(_shift_check(job, "label", found)),
            evidence=str(job.evidence / "performance.json"),
        )
    )


def judge_rise(rise: LossRise, rules: Performance, metric: str) -> tuple[SignalOutcome, str]:
    """Decide whether the champion is worse than it was: by enough, and not by chance. Pure."""
    words = f"{metric} {rise.value:.4g}, {rise.rise:+.1%} against the {rise.expected:.4g} that the holdout promised"
    fired = rise.rise >= rules.max_loss and rise.p_value <= rules.significance
    return (
        "fired" if fired else "quiet"
    ), f"{words} (counts from {rules.max_loss:+.0%}; p {rise.p_value:.2g})"


def _shift_check(job: Job, signal: Signal, found: Finding) -> ShiftCheck:
    """Put together what a check hands over: the greatest shifts, and what they come to."""
    judgement, reference = found.judgement, found.reference
    check = ShiftCheck(
        signal=signal,
        outcome="fired" if judgement.fired else "quiet",
        words=describe(judgement, job.spec.monitor.drift),
        reference=found.compared.words,
        reference_windows=len(reference.matched),
        reference_rows=reference.rows,
        seasonal=reference.seasonal,
        shifts=sorted(found.shifts, key=lambda shift: -shift.effect / shift.threshold)[
            :MOST_SHIFTS
        ],
        drifted=judgement.columns,
        drifted_importance=judgement.importance,
        evidence=str(job.evidence / f"{signal}.json"),
    )
    log.info("%s: %s: %s", signal, check.outcome, check.words)
    return check


def _nothing_said(job: Job, signal: Signal, words: str) -> ShiftCheck:
    log.warning("%s: inconclusive: %s", signal, words)
    return ShiftCheck(
        signal=signal,
        outcome="inconclusive",
        words=words,
        reference="",
        evidence=str(job.evidence / f"{signal}.json"),
    )


def _draw(job: Job, signal: Signal, production: Production, span: Span, found: Finding) -> Drawn:
    compared, columns = found.compared, list(job.spec.inputs)
    matched = [
        each
        for each in compared.spans
        if not found.reference.seasonal or each.season == span.season
    ]
    reference = sample(compared.rows, matched[-_WINDOWS_DRAWN:], columns)
    return draw(
        job.spec, sample(production, [span], columns), reference, job.evidence / f"{signal}.html"
    )
