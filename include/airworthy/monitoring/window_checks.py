"""The checks on a live window: its inputs, its labels, and the champion's errors."""

from __future__ import annotations

import logging
from typing import Literal

from airworthy.evaluation.task_metrics import measure
from airworthy.handover import LiveWindow, PerformanceCheck, ShiftCheck, Signal, SignalOutcome
from airworthy.job import Job
from airworthy.monitoring.champion_predictions import predict_labelled
from airworthy.monitoring.check_results import InconclusiveError, write_evidence
from airworthy.monitoring.drift_rule import describe
from airworthy.monitoring.evidently_report import EvidentlyReport, draw_report, sample_spans
from airworthy.monitoring.live_rows import LiveRows, open_live_rows
from airworthy.monitoring.loss_rise import METRIC_OF_TASK, LossRise
from airworthy.monitoring.monitored_champion import open_champion
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.static_rows import NO_TIME
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_comparison import ComparisonResult, WindowComparison
from airworthy.spec.monitor_part import Performance

log = logging.getLogger("airworthy.monitor")

MAX_SHIFTS = 100  # in a check's output; its evidence has all
_REPORT_WINDOWS = 4  # reference windows in Evidently's report


def check_inputs(job: Job, live: LiveWindow, signal: Literal["skew", "drift"]) -> ShiftCheck:
    """Compare a live window's inputs with a reference.

    Args:
        job: The run.
        live: The live window.
        signal: ``skew``: compare with the champion's training data. ``drift``: compare with recent
            live rows.

    Raises:
        TerminalError: when the champion's files are not those that the ledger names.
        TransientError: when the lake or MLflow cannot be reached.
    """
    span, min_rows = Span(live.start, live.end), job.spec.monitor.min_rows
    try:
        _refuse_static_rows(job, live)
        if live.rows < min_rows:
            raise InconclusiveError(
                f"{live.rows} rows in the window, at least {min_rows} are needed"
            )
        champion, live_rows = open_champion(job, live), open_live_rows(job, live)
        cache = WindowCache.of(job, champion)
        comparison = WindowComparison(job.spec, champion, live_rows, cache)
        result = comparison.compare_inputs(span, signal)
    except InconclusiveError as reason:
        return write_evidence(job, _inconclusive_check(job, signal, str(reason)))
    report = _draw_report(job, live_rows, span, result)
    page = None if report.page is None else job.evidence.write(f"{signal}.html", report.page)
    check = _shift_check(job, signal, result).model_copy(update={"report": page})
    shifts = [shift.model_dump() for shift in result.shifts]
    return write_evidence(job, check, shifts=shifts, evidently=report.scores)


def _refuse_static_rows(job: Job, live: LiveWindow) -> None:
    """Refuse to compare rows without a time; the answers in the prediction log have one."""
    if job.spec.ingest.static and live.production == "lake":
        raise InconclusiveError(
            f"{NO_TIME}; the prediction log has times: monitor.production: predictions"
        )


def labelled_window(job: Job, live: LiveWindow) -> Span:
    """Return the newest window with labels by the run's `as_of`, the live window at the latest."""
    labelled_until = min(live.end, job.run.as_of - job.spec.ingest.label_delay)
    return last_complete(labelled_until, job.spec.monitor.window)


def check_labels(job: Job, live: LiveWindow) -> PerformanceCheck:
    """Compare live labels, and the champion's errors on them, with its training and holdout.

    Raises:
        TerminalError: when the champion's files are not those that the ledger names.
        TransientError: when the lake or MLflow cannot be reached.
    """
    span, metric, count = labelled_window(job, live), METRIC_OF_TASK[job.spec.task], 0
    try:
        _refuse_static_rows(job, live)
        champion, live_rows = open_champion(job, live), open_live_rows(job, live)
        scored = predict_labelled(job.spec, champion.bundle, live_rows.labelled(span))
        labels, predictions = scored
        count, min_labels = len(labels), job.spec.monitor.retrain.min_labels
        if count < min_labels:
            raise InconclusiveError(
                f"{count} labels of the window, at least {min_labels} are needed"
            )
        cache = WindowCache.of(job, champion)
        comparison = WindowComparison(job.spec, champion, live_rows, cache)
        rise = comparison.compare_errors(span, labels, predictions)
        result = comparison.compare_labels(span)
    except InconclusiveError as reason:
        return _inconclusive_performance(job, span, count, str(reason))
    outcome, words = evaluate_rise(rise, job.spec.monitor.performance, metric)
    log.info("performance: %s: %s", outcome, words)
    threshold = job.spec.evaluate.decision_threshold
    return write_evidence(
        job,
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
            metrics=measure(job.spec.task, labels, predictions, threshold),
            label=write_evidence(job, _shift_check(job, "label", result)),
            evidence=_evidence_file(job, "performance"),
        ),
    )


def evaluate_rise(rise: LossRise, rules: Performance, metric: str) -> tuple[SignalOutcome, str]:
    """Return whether the champion is worse, by enough and not by chance, and in words. Pure.

    Args:
        rise: The rise of the champion's error.
        rules: The limits.
        metric: The metric's name.
    """
    expected = f"the {rise.expected:.4g} that the holdout promised"
    words = f"{metric} {rise.value:.4g}, {rise.rise:+.1%} against {expected}"
    limits = f"counts from {rules.max_loss:+.0%}; p {rise.p_value:.2g}"
    fired = rise.rise >= rules.max_loss and rise.p_value <= rules.significance
    return "fired" if fired else "quiet", f"{words} ({limits})"


def _evidence_file(job: Job, name: str) -> str:
    return job.evidence.address(f"{name}.json")


def _inconclusive_performance(job: Job, span: Span, labels: int, reason: str) -> PerformanceCheck:
    return write_evidence(
        job,
        PerformanceCheck(
            start=span.start,
            end=span.end,
            labels=labels,
            metric=METRIC_OF_TASK[job.spec.task],
            outcome="inconclusive",
            words=reason,
            label=write_evidence(job, _inconclusive_check(job, "label", reason)),
            evidence=_evidence_file(job, "performance"),
        ),
    )


def _inconclusive_check(job: Job, signal: Signal, reason: str) -> ShiftCheck:
    log.warning("%s: inconclusive: %s", signal, reason)
    return ShiftCheck(
        signal=signal,
        outcome="inconclusive",
        words=reason,
        reference="",
        evidence=_evidence_file(job, signal),
    )


def _shift_check(job: Job, signal: Signal, result: ComparisonResult) -> ShiftCheck:
    """Return a check's output: the result of the drift rule, and the largest shifts."""
    drift, reference = result.drift, result.reference
    largest = sorted(result.shifts, key=lambda shift: -shift.effect / shift.threshold)
    check = ShiftCheck(
        signal=signal,
        outcome="fired" if drift.fired else "quiet",
        words=describe(drift, job.spec.monitor.drift),
        reference=result.reference_rows.words,
        reference_windows=len(reference.matched),
        reference_rows=reference.rows,
        seasonal=reference.seasonal,
        shifts=largest[:MAX_SHIFTS],
        drifted=drift.columns,
        drifted_importance=drift.importance,
        evidence=_evidence_file(job, signal),
    )
    log.info("%s: %s: %s", signal, check.outcome, check.words)
    return check


def _draw_report(
    job: Job, live_rows: LiveRows, span: Span, result: ComparisonResult
) -> EvidentlyReport:
    """Draw Evidently's report on the window and the last of its reference windows."""
    reference_rows, columns = result.reference_rows, list(job.spec.inputs)
    seasonal = result.reference.seasonal
    spans = [each for each in reference_rows.spans if not seasonal or each.season == span.season]
    live = sample_spans(live_rows, [span], columns)
    reference = sample_spans(reference_rows.rows, spans[-_REPORT_WINDOWS:], columns)
    return draw_report(job.spec, live, reference)
