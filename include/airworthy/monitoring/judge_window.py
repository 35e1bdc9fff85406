"""The judgement of a window: one path for the monitor, for its replay and for its simulation.

Nothing is written here. The monitor writes the outputs as evidence; a replay keeps them in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar, cast

from airworthy.arrays import Array
from airworthy.evaluation.task_metrics import measure
from airworthy.handover import (
    DataCheck,
    LiveWindow,
    PerformanceCheck,
    ShiftCheck,
    Signal,
    SignalOutcome,
)
from airworthy.job import Job
from airworthy.monitoring.build_decision import Checks
from airworthy.monitoring.champion_predictions import predict_labelled
from airworthy.monitoring.check_results import InconclusiveError
from airworthy.monitoring.drift_rule import describe
from airworthy.monitoring.live_rows import LiveRows
from airworthy.monitoring.loss_rise import METRIC_OF_TASK, LossRise
from airworthy.monitoring.monitored_champion import Champion
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.static_rows import NO_TIME
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_comparison import ComparisonResult, WindowComparison
from airworthy.spec import ModelSpec
from airworthy.spec.monitor_part import Performance

_Result = TypeVar("_Result")
MAX_SHIFTS = 100  # in a check's output; its evidence has all


@dataclass(frozen=True)
class WindowData:
    """The data to judge windows with.

    Attributes:
        champion: The champion.
        rows: The source of the live rows.
        cache: Summaries and losses of earlier windows under this champion.
        memo: Results of comparisons, for replays with several rules of retraining. The rules of
            drift are the same in all of them. None: nothing is kept.
    """

    champion: Champion
    rows: LiveRows
    cache: WindowCache
    memo: dict[Hashable, Any] | None = None

    def comparison(self, spec: ModelSpec) -> WindowComparison:
        """Return comparisons by the rules of a spec."""
        return WindowComparison(spec, self.champion, self.rows, self.cache)

    def remember(self, key: tuple[Hashable, ...], make: Callable[[], _Result]) -> _Result:
        """Return what was made for a key under this champion, else make it.

        Raises:
            InconclusiveError: when `make` raises it, now or earlier.
        """
        if self.memo is None:
            return make()
        full_key = (self.champion.digest, *key)
        if full_key not in self.memo:
            try:
                self.memo[full_key] = make()
            except InconclusiveError as reason:
                self.memo[full_key] = reason
        result = self.memo[full_key]
        if isinstance(result, InconclusiveError):
            raise result
        return cast("_Result", result)


OpenData = Callable[[], WindowData]
"""Returns the data; raises InconclusiveError without a champion that can be compared with."""


class JudgedInputs(NamedTuple):
    """A check of inputs, and the comparison behind it; None: inconclusive."""

    check: ShiftCheck
    comparison: ComparisonResult | None


def labelled_span(spec: ModelSpec, live_end: datetime, moment: datetime) -> Span:
    """Return the newest window with labels, the live window at the latest.

    Args:
        spec: Gives the delay of the labels.
        live_end: The end of the live window, UTC.
        moment: The time of the look, UTC.
    """
    labelled_until = min(live_end, moment - spec.ingest.label_delay)
    return last_complete(labelled_until, spec.monitor.window)


def judge_window(job: Job, data_check: DataCheck, opened: OpenData) -> Checks:
    """Return all checks on a live window.

    Args:
        job: The run; its `as_of` is the time of the look.
        data_check: The live window.
        opened: Returns the champion and the rows.
    """
    live = data_check.window
    return Checks(
        data_check,
        judge_inputs(job, live, opened, "skew").check,
        judge_inputs(job, live, opened, "drift").check,
        judge_labels(job, live, opened),
    )


def judge_inputs(
    job: Job, live: LiveWindow, opened: OpenData, signal: Literal["skew", "drift"]
) -> JudgedInputs:
    """Compare a live window's inputs with a reference.

    Args:
        job: The run.
        live: The live window.
        opened: Returns the champion and the rows. It is not called for a window of too few rows.
        signal: ``skew``: compare with the champion's training data. ``drift``: compare with recent
            live rows.
    """
    try:
        _refuse_static_rows(job, live)
        _require(live.rows, job.spec.monitor.min_rows, "rows in the window")
        data, span, monitor = opened(), Span(live.start, live.end), job.spec.monitor
        result = data.remember(
            (signal, span, monitor.reference, monitor.retrain.persist.of),
            lambda: data.comparison(job.spec).compare_inputs(span, signal),
        )
    except InconclusiveError as reason:
        return JudgedInputs(_inconclusive(job, signal, str(reason)), None)
    return JudgedInputs(_shift_check(job, signal, result), result)


def judge_labels(job: Job, live: LiveWindow, opened: OpenData) -> PerformanceCheck:
    """Judge the champion's errors and the labels of the newest window with known labels.

    Args:
        job: The run.
        live: The live window.
        opened: Returns the champion and the rows.
    """
    span = labelled_span(job.spec, live.end, job.run.as_of)
    count = 0
    try:
        _refuse_static_rows(job, live)
        data = opened()
        labels, predictions = data.remember(
            ("predictions", span),
            lambda: predict_labelled(job.spec, data.champion.bundle, data.rows.labelled(span)),
        )
        count = len(labels)
        _require(count, job.spec.monitor.retrain.min_labels, "labels of the window")
        rise = data.remember(
            ("rise", span),
            lambda: data.comparison(job.spec).compare_errors(span, labels, predictions),
        )
        result = data.remember(
            ("label", span), lambda: data.comparison(job.spec).compare_labels(span)
        )
    except InconclusiveError as reason:
        return _inconclusive_performance(job, span, count, str(reason))
    return _performance(job, span, (labels, predictions), rise, result)


def evaluate_rise(rise: LossRise, rules: Performance, metric: str) -> tuple[SignalOutcome, str]:
    """Return whether the champion is worse, by enough and not by chance, and in words.

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


def _refuse_static_rows(job: Job, live: LiveWindow) -> None:
    """Refuse to compare rows without a time; the answers in the prediction log have one."""
    if job.spec.ingest.static and live.production == "lake":
        raise InconclusiveError(
            f"{NO_TIME}; the prediction log has times: monitor.production: predictions"
        )


def _require(count: int, needed: int, noun: str) -> None:
    if count < needed:
        raise InconclusiveError(f"{count} {noun}, at least {needed} are needed")


def _performance(
    job: Job,
    span: Span,
    scored: tuple[Array, Array],
    rise: LossRise,
    result: ComparisonResult,
) -> PerformanceCheck:
    spec, metric = job.spec, METRIC_OF_TASK[job.spec.task]
    outcome, words = evaluate_rise(rise, spec.monitor.performance, metric)
    return PerformanceCheck(
        start=span.start,
        end=span.end,
        labels=len(scored[0]),
        metric=metric,
        outcome=outcome,
        words=words,
        value=rise.value,
        expected=rise.expected,
        rise=rise.rise,
        p_value=rise.p_value,
        metrics=measure(spec.task, *scored, spec.evaluate.decision_threshold),
        label=_shift_check(job, "label", result),
        evidence=evidence_file(job, "performance"),
    )


def _inconclusive_performance(job: Job, span: Span, labels: int, reason: str) -> PerformanceCheck:
    return PerformanceCheck(
        start=span.start,
        end=span.end,
        labels=labels,
        metric=METRIC_OF_TASK[job.spec.task],
        outcome="inconclusive",
        words=reason,
        label=_inconclusive(job, "label", reason),
        evidence=evidence_file(job, "performance"),
    )


def _inconclusive(job: Job, signal: Signal, reason: str) -> ShiftCheck:
    return ShiftCheck(
        signal=signal,
        outcome="inconclusive",
        words=reason,
        reference="",
        evidence=evidence_file(job, signal),
    )


def _shift_check(job: Job, signal: Signal, result: ComparisonResult) -> ShiftCheck:
    """Return a check's output: the result of the drift rule, and the largest shifts."""
    drift, reference = result.drift, result.reference
    largest = sorted(result.shifts, key=lambda shift: -shift.effect / shift.threshold)
    return ShiftCheck(
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
        evidence=evidence_file(job, signal),
    )


def evidence_file(job: Job, name: str) -> str:
    """Return the address of a check's evidence."""
    return job.evidence.address(f"{name}.json")
