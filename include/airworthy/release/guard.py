"""The guard of a rollout step: evaluates the server's counts of both arms. Pure.

Predictions and loss trip on two conditions: the difference matters, and it has a probability under
one in a thousand between two versions that do not differ. The result lists the signals that were
evaluated: a step without any request ends, and proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from airworthy.handover import ArmFigures
from airworthy.release.stability_index import stability_index
from airworthy.spec.release_part import Guard, ReleaseWaiver

Signal = Literal["error_rate", "latency", "predictions", "quality"]

_SIGNIFICANCE = 0.001
_SIGNIFICANCE_Z = 3.090  # the normal quantile of 1 - `_SIGNIFICANCE`
# The default limit on latency. A few slow answers of a busy machine move the 99th percentile, and
# leave the median alone: a slower version moves both.
_SLOW_P99_MS = 250.0
_SLOWER_P99 = 3.0
_SLOWER_P50 = 2.0


@dataclass(frozen=True)
class Arm:
    """One version in one span of time: the servers' figures, and samples.

    Attributes:
        figures: The figures.
        predictions: Numbers, or class codes for a multiclass model.
        seconds: The durations of requests.
    """

    figures: ArmFigures
    predictions: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class GuardResult:
    """The result of the guard.

    Attributes:
        trips: The reasons to end the rollout; empty when it may go on.
        evaluated: The signals that were evaluated.
        missing: For each other signal, the reason that it was not.
        psi: The population stability index of the challenger's predictions against the champion's;
            None when it was not evaluated.
        by_signal: The same reasons as `trips`, by signal.
    """

    trips: list[str]
    evaluated: list[Signal]
    missing: list[str]
    psi: float | None = None
    by_signal: dict[str, str] = field(default_factory=dict)


def evaluate_guard(
    guard: Guard, champion: Arm, challenger: Arm, *, classes: bool, over: bool
) -> GuardResult:
    """Evaluate a challenger since its step began.

    Args:
        guard: The spec's limits.
        champion: The champion's arm in this step.
        challenger: The challenger's arm. In shadow, its answers were only logged.
        classes: True when predictions are class codes, and not numbers.
        over: True when the step's time is over. Until then an error rate trips only when it would
            be too high even if all further requests up to `min_requests` went well.
    """
    figures = challenger.figures
    trips, evaluated, missing = dict[str, str](), list[Signal](), []
    if figures.requests:
        evaluated.append("error_rate")
        trips |= _named("error_rate", _error_rate_trips(guard, figures, over))
    else:
        missing.append("error_rate: no request was seen")
    enough = figures.requests >= guard.min_requests
    too_few = f"{figures.requests} of {guard.min_requests} requests were seen"
    latency_missing = _latency_missing(guard, champion.figures, figures)
    if latency_missing is None:
        evaluated.append("latency")
        trips |= _named("latency", _latency_trips(guard.p99_ms, champion.figures, figures))
    else:
        missing.append(f"latency: {latency_missing}")
    psi = None
    if enough and champion.predictions and challenger.predictions:
        evaluated.append("predictions")
        psi, prediction_trips = _compare_predictions(guard, champion, challenger, classes)
        trips |= _named("predictions", prediction_trips)
    else:
        missing.append(
            "predictions: there are none to compare" if enough else f"predictions: {too_few}"
        )
    labels = min(champion.figures.labels, figures.labels)
    if labels >= guard.min_labels:
        evaluated.append("quality")
        trips |= _named("quality", _loss_trips(guard, champion.figures, figures))
    else:
        missing.append(f"quality: {labels} of {guard.min_labels} labels came in")
    return GuardResult(list(trips.values()), evaluated, missing, psi, trips)


def _named(signal: Signal, reasons: list[str]) -> dict[str, str]:
    """Return a signal's reasons as one, by its name."""
    return {signal: "; ".join(reasons)} if reasons else {}


def waive_guard(result: GuardResult, waiver: ReleaseWaiver | None) -> GuardResult:
    """Return the result of a waived guard: it trips nothing, and says what would have tripped.

    Args:
        result: The guard's result.
        waiver: The spec's waiver; None: the guard holds, and the result is returned as it is.
    """
    if waiver is None:
        return result
    told = [f"the guard is waived: {waiver.because}"]
    told += [f"the guard is waived, it would have tripped: {reason}" for reason in result.trips]
    return replace(result, trips=[], by_signal={}, missing=[*told, *result.missing])


def _error_rate_trips(guard: Guard, figures: ArmFigures, over: bool) -> list[str]:
    expected_requests = figures.requests if over else max(figures.requests, guard.min_requests)
    if figures.errors <= guard.error_rate * expected_requests:
        return []
    rate = figures.errors / figures.requests
    return [
        f"error rate {rate:.2%} ({figures.errors} of {figures.requests} requests), "
        f"at most {guard.error_rate:.2%} allowed"
    ]


def _latency_missing(guard: Guard, champion: ArmFigures, challenger: ArmFigures) -> str | None:
    """Return the reason that latency is not evaluated; None: it is."""
    if challenger.requests < guard.min_requests or challenger.p99_ms is None:
        return f"{challenger.requests} of {guard.min_requests} requests were seen"
    if guard.p99_ms is not None:
        return None
    known = champion.p99_ms is not None and champion.p50_ms is not None
    if champion.requests < guard.min_requests or challenger.p50_ms is None or not known:
        return f"{champion.requests} of {guard.min_requests} requests of the champion were seen"
    return None


def _latency_trips(
    allowed_ms: float | None, champion: ArmFigures, challenger: ArmFigures
) -> list[str]:
    p99_ms = challenger.p99_ms or 0.0
    if allowed_ms is not None:
        allowed = f"at most {allowed_ms:g} ms allowed"
        return [f"p99 latency {p99_ms:.1f} ms, {allowed}"] if p99_ms > allowed_ms else []
    champion_p99, champion_p50 = champion.p99_ms or 0.0, champion.p50_ms or 0.0
    p50_ms = challenger.p50_ms or 0.0
    limit = max(_SLOW_P99_MS, _SLOWER_P99 * champion_p99)
    if p99_ms <= limit or p50_ms <= _SLOWER_P50 * champion_p50:
        return []
    return [
        f"p99 latency {p99_ms:.1f} ms and median {p50_ms:.1f} ms against the champion's "
        f"{champion_p99:.1f} ms and {champion_p50:.1f} ms, at most {limit:g} ms allowed "
        "(the default: release.guard.p99_ms sets another limit)"
    ]


def _compare_predictions(
    guard: Guard, champion: Arm, challenger: Arm, classes: bool
) -> tuple[float, list[str]]:
    psi = stability_index(champion.predictions, challenger.predictions, classes)
    if psi <= guard.max_psi:
        return psi, []
    # The index of small samples is large even without a shift: the test rules chance out.
    if _p_value(champion.predictions, challenger.predictions, classes) > _SIGNIFICANCE:
        return psi, []
    return psi, [
        f"the predictions are distributed otherwise than the champion's: "
        f"stability index {psi:.3f} on {len(challenger.predictions)} and "
        f"{len(champion.predictions)} answers, at most {guard.max_psi:g} allowed"
    ]


def _p_value(champion: list[float | None], challenger: list[float | None], classes: bool) -> float:
    """Return the p-value of two samples under one distribution. A missing value is a value too.

    The test is Kolmogorov-Smirnov's for numbers and the chi-squared test for classes.
    """
    from scipy.stats import chi2_contingency, ks_2samp

    first, second = (
        [math.inf if value is None else value for value in arm] for arm in (champion, challenger)
    )
    if not classes:
        # Too few values for the test's distribution prove nothing.
        if round(len(first) * len(second) / (len(first) + len(second))) < 1:
            return 1.0
        return float(ks_2samp(first, second, method="asymp").pvalue)
    values = sorted({*first, *second})
    counts = [[sample.count(value) for value in values] for sample in (first, second)]
    return float(chi2_contingency(counts).pvalue) if len(values) > 1 else 1.0


def _loss_trips(guard: Guard, champion: ArmFigures, challenger: ArmFigures) -> list[str]:
    if champion.mean_loss is None or challenger.mean_loss is None:
        return []
    factor = 1.0 + guard.max_loss_increase
    standard_error = math.hypot(_standard_error(challenger), factor * _standard_error(champion))
    allowed = factor * champion.mean_loss + _SIGNIFICANCE_Z * standard_error
    if challenger.mean_loss <= allowed:
        return []
    return [
        f"mean loss {challenger.mean_loss:.4g} on {challenger.labels} labels against the "
        f"champion's {champion.mean_loss:.4g} on {champion.labels}, at most {allowed:.4g} allowed "
        f"({guard.max_loss_increase:.0%} more and what chance does)"
    ]


def _standard_error(figures: ArmFigures) -> float:
    """Return the standard error of an arm's mean loss."""
    return (figures.loss_sd or 0.0) / math.sqrt(figures.labels)
