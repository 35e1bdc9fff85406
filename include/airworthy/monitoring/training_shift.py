"""The newest window of a dataset against the champion's training data, by the monitor's measure."""

from __future__ import annotations

import logging

from airworthy.days import DAY
from airworthy.errors import TerminalError
from airworthy.handover import CheckResult, DatasetRef
from airworthy.job import Job
from airworthy.lake.lake import open_lake
from airworthy.monitoring.check_results import InconclusiveError
from airworthy.monitoring.drift_rule import describe_shift, worst_shifts
from airworthy.monitoring.live_rows import LakeRows
from airworthy.monitoring.live_window import count_rows
from airworthy.monitoring.monitored_champion import load_champion
from airworthy.monitoring.spans import Span, last_complete
from airworthy.monitoring.static_rows import NO_TIME
from airworthy.monitoring.window_cache import WindowCache
from airworthy.monitoring.window_comparison import ComparisonResult, WindowComparison
from airworthy.spec import ModelSpec
from airworthy.spec.monitor_part import Drift
from airworthy.spec.validate_part import Distribution, Severity
from airworthy.traffic import ServedVersion

log = logging.getLogger("airworthy.validate")

CHECK = "distribution_shift"


def check_training_shift(
    job: Job, dataset: DatasetRef, champion: ServedVersion
) -> list[CheckResult]:
    """Compare the dataset's newest complete window with the champion's training data.

    The window is the monitor's, at least a day. It is compared with windows of the same weekday.

    Args:
        job: The run.
        dataset: The dataset version.
        champion: The champion by the ledger.

    Returns:
        One check for each input column; one alone when the window has no rows or nothing can be
        compared, with the reason.

    Raises:
        TransientError: when MLflow or the lake cannot be reached.
    """
    spec, severity = job.spec, job.spec.validate_.distribution.severity
    if spec.ingest.static:
        return [_check(None, severity, True, f"not compared: {NO_TIME}")]
    lake = open_lake(job.environment, spec.model)
    rows = LakeRows(spec, lake, dataset.version, dataset.partitions)
    span = last_complete(dataset.window.end, max(spec.monitor.window, DAY))
    if rows.content_key(span) is None:
        words = f"no rows in [{span.start:%Y-%m-%d}, {span.end:%Y-%m-%d})"
        return [_check(None, severity, False, words)]
    try:
        result = _compare(job, rows, span, champion)
    except (InconclusiveError, TerminalError) as reason:
        problem = reason.problem if isinstance(reason, TerminalError) else str(reason)
        log.warning("the data are not compared with the champion's: %s", problem)
        return [_check(None, severity, True, f"not compared: {problem}")]
    drifted = result.drift.columns if result.drift.fired else []
    # Of a drifted column, the shifts that count; of any other, all.
    shifts = worst_shifts(result.shifts) | worst_shifts(result.drift.drifted)
    return [
        _check(name, severity, name not in drifted, describe_shift(shift))
        for name, shift in shifts.items()
    ]


def scaled_drift(rules: Drift, distribution: Distribution) -> Drift:
    """Return the monitor's thresholds, times ``max_psi`` / 0.25.

    >>> scaled_drift(Drift(), Distribution(max_psi=0.5)).numeric.distance
    0.3
    """
    factor = distribution.max_psi / 0.25
    parts = {
        name: part.model_copy(
            update={key: factor * each for key, each in part.model_dump().items()}
        )
        for name, part in (("numeric", rules.numeric), ("categorical", rules.categorical))
    }
    return rules.model_copy(update=parts)


def _compare(job: Job, rows: LakeRows, span: Span, served: ServedVersion) -> ComparisonResult:
    count, min_rows = count_rows(rows, span), job.spec.monitor.min_rows
    if count < min_rows:
        raise InconclusiveError(f"{count} rows in {span.name}, at least {min_rows} are needed")
    champion = load_champion(job, served)
    cache = WindowCache.of(job, champion)
    comparison = WindowComparison(_scaled(job.spec), champion, rows, cache)
    return comparison.compare_inputs(span, "skew")


def _scaled(spec: ModelSpec) -> ModelSpec:
    drift = scaled_drift(spec.monitor.drift, spec.validate_.distribution)
    return spec.model_copy(update={"monitor": spec.monitor.model_copy(update={"drift": drift})})


def _check(column: str | None, severity: Severity, success: bool, observed: str) -> CheckResult:
    return CheckResult(
        check=CHECK, column=column, severity=severity, success=success, observed=observed
    )
