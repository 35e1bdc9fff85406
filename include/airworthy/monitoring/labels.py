"""The check on labels that have arrived: do they lie as before, and is the champion as good as its holdout promised?"""

from __future__ import annotations

import logging

from airworthy.evaluation.metrics import measure
from airworthy.handover import LiveWindow, PerformanceCheck, ShiftCheck, SignalOutcome
from airworthy.job import Job
from airworthy.monitoring.assessment import Compared, demand_reference, inconclusive, shift_check
from airworthy.monitoring.champion import Champion, open_champion
from airworthy.monitoring.evidence import keep
from airworthy.monitoring.inconclusive import Inconclusive
from airworthy.monitoring.judging import judge
from airworthy.monitoring.memory import Memory
from airworthy.monitoring.performance import METRIC_OF_TASK, LossRise, loss_rise, losses_of
from airworthy.monitoring.production import Production, open_production
from airworthy.monitoring.scoring import Array, score
from airworthy.monitoring.shifts import find_shifts, match
from airworthy.monitoring.windows import Span, last_complete, like
from airworthy.spec.monitor import Performance

log = logging.getLogger("airworthy.monitor")


def labelled_window(job: Job, live: LiveWindow) -> Span:
    """Return the newest window whose labels are known by the run's `as_of`: at the latest the live one."""
    return last_complete(min(live.end, job.run.as_of - job.spec.ingest.label_delay), job.spec.monitor.window)


def check_labels(job: Job, live: LiveWindow) -> PerformanceCheck:
    """Compare the labels with those that the champion was trained on, and its errors with its holdout's.

    Raises:
        TerminalError: when the champion's files are not those that were registered.
        TransientError: when the lake or MLflow cannot be reached.
    """
    span, metric = labelled_window(job, live), METRIC_OF_TASK[job.spec.task]
    try:
        champion, production = open_champion(job, live.champion), open_production(job, live)
        labels, predictions = score(job.spec, champion.bundle, production.labelled(span))
        needed = job.spec.monitor.retrain.min_labels
        if len(labels) < needed:
            raise Inconclusive(f"{len(labels)} labels of the window, at least {needed} are needed")
        rise = _rise(job, champion, span, labels, predictions)
    except Inconclusive as why:
        return keep(
            PerformanceCheck(
                start=span.start, end=span.end, labels=0, metric=metric, outcome="inconclusive", words=str(why),
                label=inconclusive(job, "label", str(why)), evidence=str(job.evidence / "performance.json"),
            )
        )  # fmt: skip
    outcome, words = judge_rise(rise, job.spec.monitor.performance, metric)
    log.info("performance: %s: %s", outcome, words)
    return keep(
        PerformanceCheck(
            start=span.start, end=span.end, labels=len(labels), metric=metric, outcome=outcome, words=words,
            value=rise.value, expected=rise.expected, rise=rise.rise, p_value=rise.p_value,
            metrics=measure(job.spec.task, labels, predictions, job.spec.evaluate.decision_threshold),
            label=_label_shift(job, champion, production, span), evidence=str(job.evidence / "performance.json"),
        )
    )  # fmt: skip


def judge_rise(rise: LossRise, rules: Performance, metric: str) -> tuple[SignalOutcome, str]:
    """Decide whether the champion is worse than it was: by enough, and not by chance. Pure."""
    words = f"{metric} {rise.value:.4g}, {rise.rise:+.1%} against the {rise.expected:.4g} that the holdout promised"
    fired = rise.rise >= rules.max_loss and rise.p_value <= rules.significance
    return ("fired" if fired else "quiet"), f"{words} (counts from {rules.max_loss:+.0%}; p {rise.p_value:.2g})"


def _rise(job: Job, champion: Champion, span: Span, labels: Array, predictions: Array) -> LossRise:
    memory, task = Memory(job, champion), job.spec.task
    trained, holdout = (
        memory.trained_losses(like(span, days.start, days.end)) for days in (champion.learned, champion.holdout)
    )
    rise = loss_rise(task, losses_of(span.season, task, labels, predictions), trained, holdout)
    if rise is None:
        raise Inconclusive("too few windows of the champion's own data to know how its errors differ anyway")
    return rise


def _label_shift(job: Job, champion: Champion, production: Production, span: Span) -> ShiftCheck:
    try:
        return keep(_compare_labels(job, champion, production, span))
    except Inconclusive as why:
        return keep(inconclusive(job, "label", str(why)))


def _compare_labels(job: Job, champion: Champion, production: Production, span: Span) -> ShiftCheck:
    name, drift = job.spec.ingest.label, job.spec.monitor.drift
    since, until = champion.learned.start, champion.holdout.end
    words = f"the labels of [{since:%Y-%m-%d}, {until:%Y-%m-%d})"
    memory, compared = Memory(job, champion), Compared(champion.rows, like(span, since, until), words)
    bins = memory.bins({name: job.spec.ingest.columns[name]})
    windows = memory.windows(compared.rows, compared.spans, bins, labelled=True)
    reference = demand_reference(match(windows, span.season), compared)
    live = memory.summary(production, span, bins, labelled=True, settled=False)
    if live is None:
        raise Inconclusive("the window's rows are gone")
    # A label has no importance of its own: what the model is to predict matters wholly.
    shifts = find_shifts(live, reference, bins, drift, {name: 1.0})
    check = shift_check(job, "label", shifts, judge(shifts, drift), reference, words)
    log.info("label: %s: %s", check.outcome, check.words)
    return check
