"""The checks on the live window of the monitor's run: judged, and written as evidence."""

from __future__ import annotations

import logging
from typing import Literal

from airworthy.handover import LiveWindow, PerformanceCheck, ShiftCheck
from airworthy.job import Job
from airworthy.monitoring.check_results import write_evidence
from airworthy.monitoring.evidently_report import EvidentlyReport, draw_report, sample_spans
from airworthy.monitoring.judge_window import WindowData, judge_inputs, judge_labels
from airworthy.monitoring.live_rows import LiveRows, open_live_rows
from airworthy.monitoring.monitored_champion import open_champion
from airworthy.monitoring.spans import Span
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_comparison import ComparisonResult

log = logging.getLogger("airworthy.monitor")

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
    check, result = judge_inputs(job, live, lambda: _open_data(job, live), signal)
    if result is None:
        log.warning("%s: inconclusive: %s", signal, check.words)
        return write_evidence(job, check)
    log.info("%s: %s: %s", signal, check.outcome, check.words)
    report = _draw_report(job, open_live_rows(job, live), Span(live.start, live.end), result)
    page = None if report.page is None else job.evidence.write(f"{signal}.html", report.page)
    check = check.model_copy(update={"report": page})
    shifts = [shift.model_dump() for shift in result.shifts]
    return write_evidence(job, check, shifts=shifts, evidently=report.scores)


def check_labels(job: Job, live: LiveWindow) -> PerformanceCheck:
    """Compare live labels, and the champion's errors on them, with its training and holdout.

    Raises:
        TerminalError: when the champion's files are not those that the ledger names.
        TransientError: when the lake or MLflow cannot be reached.
    """
    check = judge_labels(job, live, lambda: _open_data(job, live))
    log.info("performance: %s: %s", check.outcome, check.words)
    log.info("label: %s: %s", check.label.outcome, check.label.words)
    write_evidence(job, check.label)
    return write_evidence(job, check)


def _open_data(job: Job, live: LiveWindow) -> WindowData:
    champion = open_champion(job, live)
    return WindowData(champion, open_live_rows(job, live), WindowCache.of(job, champion))


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
