"""What the guard of a rollout step says of the figures that were measured. A pure answer, with the reasons.

Predictions and quality trip on a difference that matters and that chance explains less than once in a thousand looks
at two versions that are no different. Of each signal it is said whether it was judged at all: a step that nobody sent a
request to ends, and proves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from airworthy.handover import ArmFigures
from airworthy.monitoring.column_profile import make_profile, stability_indices
from airworthy.spec.release_part import Guard

Signal = Literal["error_rate", "latency", "predictions", "quality"]

_CHANCE = 0.001
_CHANCE_DEVIATIONS = 3.090  # of a normal distribution, for `_CHANCE` on one side


@dataclass(frozen=True)
class Arm:
    """One version in one step: the server's figures and a sample of its predictions, or of its classes' places."""

    figures: ArmFigures
    predictions: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Judgement:
    """What the guard says: `trips` end the rollout; `judged` are the signals that were, `missing` why others were not.

    `psi` is the population stability index of the challenger's predictions against the champion's, where judged.
    """

    trips: list[str]
    judged: list[Signal]
    missing: list[str]
    psi: float | None = None


def judge(guard: Guard, champion: Arm, challenger: Arm, *, classes: bool, over: bool) -> Judgement:
    """Judge a challenger by what it did since its step began.

    Args:
        guard: The spec's limits.
        champion: The champion's figures in this step.
        challenger: The challenger's; in shadow, of the answers that were only logged.
        classes: Whether predictions are places of classes, and not numbers.
        over: Whether the step's time is over. Until then an error rate trips only when it would still be too high if
            all further requests up to `min_requests` went well.
    """
    found = challenger.figures
    trips, judged, missing = [], list[Signal](), []
    if found.requests:
        judged.append("error_rate")
        trips += _errors(guard, found, over)
    else:
        missing.append("error_rate: no request was seen")
    psi, few = None, f"{found.requests} of {guard.min_requests} requests were seen"
    if (
        guard.p99_ms is not None
        and found.requests >= guard.min_requests
        and found.p99_ms is not None
    ):
        judged.append("latency")
        trips += _latency(guard.p99_ms, found.p99_ms)
    else:
        missing.append(
            "latency: the spec sets no limit" if guard.p99_ms is None else f"latency: {few}"
        )
    if found.requests >= guard.min_requests and champion.predictions and challenger.predictions:
        judged.append("predictions")
        psi, said = _predictions(guard, champion, challenger, classes)
        trips += said
    else:
        alone = found.requests >= guard.min_requests
        missing.append("predictions: there are none to compare" if alone else f"predictions: {few}")
    labels = min(champion.figures.labels, found.labels)
    if labels >= guard.min_labels:
        judged.append("quality")
        trips += _quality(guard, champion.figures, found)
    else:
        missing.append(f"quality: {labels} of {guard.min_labels} labels came in")
    return Judgement(trips, judged, missing, psi)


def _errors(guard: Guard, found: ArmFigures, over: bool) -> list[str]:
    of = found.requests if over else max(found.requests, guard.min_requests)
    if found.errors <= guard.error_rate * of:
        return []
    rate = found.errors / found.requests
    return [
        f"error rate {rate:.2%} ({found.errors} of {found.requests} requests), at most {guard.error_rate:.2%} allowed"
    ]


def _latency(allowed: float, p99_ms: float) -> list[str]:
    return (
        [f"p99 latency {p99_ms:.1f} ms, at most {allowed:g} ms allowed"] if p99_ms > allowed else []
    )


def _predictions(
    guard: Guard, champion: Arm, challenger: Arm, classes: bool
) -> tuple[float, list[str]]:
    kind: Literal["category", "float"] = "category" if classes else "float"
    expected, actual = (
        pl.LazyFrame({"prediction": arm.predictions}) for arm in (champion, challenger)
    )
    profile = make_profile(expected, {"prediction": kind})
    psi = stability_indices(profile, actual)["prediction"]
    # Of small samples the index is large whatever they come from: a test of the samples tells chance apart.
    if (
        psi <= guard.max_psi
        or _by_chance(champion.predictions, challenger.predictions, classes) > _CHANCE
    ):
        return psi, []
    return psi, [
        f"the predictions are distributed otherwise than the champion's: stability index {psi:.3f} on "
        f"{len(challenger.predictions)} and {len(champion.predictions)} answers, at most {guard.max_psi:g} allowed"
    ]


def _by_chance(
    champion: list[float | None], challenger: list[float | None], classes: bool
) -> float:
    """Return how likely two samples of one distribution are to differ as much as these do; missing is a value too."""
    from scipy.stats import chi2_contingency, ks_2samp

    one, other = (
        [math.inf if value is None else value for value in arm] for arm in (champion, challenger)
    )
    if not classes:
        return float(ks_2samp(one, other, method="asymp").pvalue)
    places = sorted({*one, *other})
    counts = [[arm.count(place) for place in places] for arm in (one, other)]
    return float(chi2_contingency(counts).pvalue) if len(places) > 1 else 1.0


def _quality(guard: Guard, champion: ArmFigures, found: ArmFigures) -> list[str]:
    if champion.mean_loss is None or found.mean_loss is None:
        return []
    share = 1.0 + guard.max_loss_increase
    spread = math.hypot(_error(found), share * _error(champion))
    allowed = share * champion.mean_loss + _CHANCE_DEVIATIONS * spread
    if found.mean_loss <= allowed:
        return []
    return [
        f"mean loss {found.mean_loss:.4g} on {found.labels} labels against the champion's {champion.mean_loss:.4g} on "
        f"{champion.labels}, at most {allowed:.4g} allowed ({guard.max_loss_increase:.0%} more and what chance does)"
    ]


def _error(figures: ArmFigures) -> float:
    """Return the standard error of an arm's mean loss."""
    return (figures.loss_sd or 0.0) / math.sqrt(figures.labels)
