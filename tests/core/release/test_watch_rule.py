"""The rule of a champion's watch: noise trips it rarely, and small counts prove nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from airworthy.handover import ArmFigures
from airworthy.release.guard import Arm
from airworthy.release.watch_rule import Reference, Span, evaluate_watch
from airworthy.spec.release_part import Guard

GUARD = Guard(p99_ms=50.0)
DAYS, LOOKS = 150, 60


def span(seconds: Any = (), *, recent: bool = False, **figures: Any) -> Span:
    """Return a champion's figures in a span of time."""
    counted = {"version": "2", "requests": 0, "errors": 0, "rows": 0, **figures}
    arm = Arm(ArmFigures.model_validate(counted), seconds=list(seconds))
    return Span("in a test", arm, recent)


def day_of_noise(seed: int) -> Iterator[list[Span]]:
    """Yield the spans of each look of a good version's day.

    Its traffic is between one request a look and thousands. It fails at nine tenths of the limit,
    its 99th percentile is nine tenths of the limit, its loss is 10 % above the reference, has a
    heavy tail and varies with the hour.
    """
    random = np.random.default_rng(seed)
    per_look = int(10 ** random.uniform(0, 3.5))
    errors, losses, requests = 0, np.empty(0), 0
    for look in range(LOOKS):
        count = int(random.poisson(per_look))
        failed = int(random.binomial(count, 0.009)) if count else 0
        hour = 1.0 + 0.3 * np.sin(2 * np.pi * look / LOOKS)
        new = 1.1 * hour * random.gamma(0.25, 4.0, count)
        requests, errors = requests + count, errors + failed
        losses = np.concatenate([losses, new])
        yield [
            _noisy(random, requests, errors, losses, 500, recent=False),
            _noisy(random, count, failed, new, 200, recent=True),
        ]


def _noisy(
    random: np.random.Generator,
    requests: int,
    errors: int,
    losses: np.ndarray[Any, Any],
    sample: int,
    *,
    recent: bool,
) -> Span:
    # 0.9 % of the requests are slower than the limit.
    seconds = np.where(random.random(min(sample, requests)) < 0.009, 0.06, 0.02)
    labels = losses[: len(losses) // 2]
    return span(
        seconds,
        recent=recent,
        requests=requests,
        errors=errors,
        labels=len(labels),
        mean_loss=float(labels.mean()) if len(labels) else None,
        loss_sd=float(labels.std(ddof=1)) if len(labels) > 1 else None,
    )


def test_a_good_version_is_not_rolled_back_by_noise() -> None:
    """In 150 days of noise close below every limit, each of 60 looks, at most one day trips."""
    reference = Reference(error_rate=0.005, p99_ms=20.0, mean_loss=1.0, loss_error=0.05)
    tripped = {
        day: result.trips
        for day in range(DAYS)
        for spans in day_of_noise(day)
        if (result := evaluate_watch(GUARD, spans, reference)).trips
    }
    print(f"\n{len(tripped)} of {DAYS} days tripped: {tripped}")
    assert len(tripped) <= 1


@pytest.mark.parametrize(
    ("few", "enough", "words"),
    [
        ({"requests": 2, "errors": 2}, {"requests": 4, "errors": 4}, "error rate"),
        ({"requests": 99, "seconds": [1.0] * 99}, {"requests": 100, "seconds": [1.0] * 100}, "lat"),
        (
            {"labels": 99, "mean_loss": 9.0, "loss_sd": 1.0},
            {"labels": 100, "mean_loss": 9.0, "loss_sd": 1.0},
            "quality",
        ),
    ],
)
def test_small_counts_prove_nothing(
    few: dict[str, Any], enough: dict[str, Any], words: str
) -> None:
    """However bad a few requests look, more are needed; the reasons say what was not evaluated."""
    reference = Reference(mean_loss=1.0)
    assert evaluate_watch(GUARD, [span(**few)], reference).trips == []
    (trip,) = evaluate_watch(GUARD, [span(**enough)], reference).trips
    assert trip.startswith(words)


def test_the_champion_before_is_the_reference() -> None:
    """Without a limit of the spec, most answers must be far slower than its slowest; a version
    that fails no more often than the one before stays; without any reference nothing is compared.
    """
    guard = Guard()
    slow: dict[str, Any] = {"requests": 500, "seconds": [0.2] * 200}
    before = Reference(p99_ms=20.0)
    (trip,) = evaluate_watch(guard, [span(**slow)], before).trips
    assert "more than 70 ms" in trip
    mixed: dict[str, Any] = {"requests": 500, "seconds": [0.2] * 90 + [0.01] * 110}
    assert evaluate_watch(guard, [span(**mixed)], before).trips == []
    failing = span(requests=1000, errors=50)
    assert evaluate_watch(guard, [failing], Reference(error_rate=0.05)).trips == []
    assert evaluate_watch(guard, [failing], Reference()).trips != []
    nothing = evaluate_watch(guard, [span(**slow, labels=200, mean_loss=9.0)], Reference())
    assert nothing.trips == []
    assert [text.split(":")[0] for text in nothing.missing] == ["latency", "quality"]


def test_the_holdout_alone_is_a_looser_reference() -> None:
    """Live rows of one day are not the holdout's: the loss must be more than twice the allowed."""
    labelled: dict[str, Any] = {"labels": 500, "loss_sd": 0.1}
    reference = Reference(holdout_loss=1.0)
    assert evaluate_watch(GUARD, [span(**labelled, mean_loss=2.3)], reference).trips == []
    assert evaluate_watch(GUARD, [span(**labelled, mean_loss=2.6)], reference).trips != []
