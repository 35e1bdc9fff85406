"""The guard trips on measured harm, not on chance, and claims nothing unmeasured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import ArmFigures
from airworthy.release.guard import Arm, evaluate_guard, waive_guard
from airworthy.spec.release_part import Guard, ReleaseWaiver

GUARD = Guard(p99_ms=50.0)


def arm(version: str = "1", predictions: object = (), **figures: object) -> Arm:
    """Return an arm's figures.

    Args:
        version: The version.
        predictions: Its sample.
        **figures: Counts and losses.
    """
    counted = {"requests": 0, "errors": 0, "rows": 0, **figures}
    values = [
        None if value is None else float(value) for value in np.asarray(predictions, dtype=float)
    ]
    return Arm(ArmFigures.model_validate({"version": version, **counted}), values)


def sample(seed: int, size: int, shift: float = 0.0) -> np.ndarray:
    """Return normal random numbers.

    Args:
        seed: Of the random numbers.
        size: How many.
        shift: Their mean.
    """
    return np.random.default_rng(seed).normal(shift, 1.0, size)


ARMS = st.builds(
    lambda requests, bad, p99, predictions, labels, loss: arm(
        requests=requests,
        errors=min(bad, requests),
        rows=requests,
        p99_ms=p99,
        predictions=predictions,
        labels=labels,
        mean_loss=loss if labels else None,
        loss_sd=0.5 if labels else None,
    ),
    st.integers(0, 500),
    st.integers(0, 20),
    st.floats(0.1, 200),
    st.lists(st.floats(-5, 5), max_size=60),
    st.integers(0, 300),
    st.floats(0, 10),
)


@given(ARMS, ARMS, st.booleans())
def test_every_signal_is_judged_or_said_to_be_missing(
    champion: Arm, challenger: Arm, over: bool
) -> None:
    """Each of the four signals is named once: as judged, or with why it was not; nothing else can
    trip.
    """
    result = evaluate_guard(GUARD, champion, challenger, classes=False, over=over)
    missing = [text.split(":")[0] for text in result.missing]
    assert sorted([*result.evaluated, *missing]) == [
        "error_rate",
        "latency",
        "predictions",
        "quality",
    ]
    assert len(result.trips) <= len(result.evaluated)


@given(ARMS, ARMS, st.booleans(), st.integers(1, 50), st.floats(0, 100), st.floats(0, 10))
def test_what_is_worse_never_passes_where_the_better_trips(
    champion: Arm, challenger: Arm, over: bool, errors: int, slower: float, loss: float
) -> None:
    """More errors, a higher latency and a greater loss never take a reason away."""
    shown = challenger.figures
    worse = shown.model_copy(
        update={
            "errors": min(shown.errors + errors, shown.requests),
            "p99_ms": (shown.p99_ms or 0.0) + slower,
            "mean_loss": None if shown.mean_loss is None else shown.mean_loss + loss,
        }
    )
    before = evaluate_guard(GUARD, champion, challenger, classes=False, over=over)
    after = evaluate_guard(
        GUARD, champion, replace(challenger, figures=worse), classes=False, over=over
    )
    assert len(after.trips) >= len(before.trips)


@given(ARMS, st.booleans())
def test_champion_against_itself_never_trips_on_predictions_or_quality(
    champion: Arm, over: bool
) -> None:
    """Two arms with the same answers are no different."""
    result = evaluate_guard(GUARD, champion, champion, classes=False, over=over)
    assert not [reason for reason in result.trips if "predictions" in reason or "loss" in reason]


@given(ARMS, st.integers(0, 99), st.booleans())
def test_few_requests_judge_neither_latency_nor_predictions(
    champion: Arm, requests: int, over: bool
) -> None:
    """Below the least number of requests only errors and labels are evaluated."""
    few = arm(requests=requests, p99_ms=10_000.0, predictions=[1e6] * requests)
    result = evaluate_guard(GUARD, champion, few, classes=False, over=over)
    assert result.trips == []
    assert not {"latency", "predictions"} & set(result.evaluated)


@pytest.mark.parametrize(
    ("requests", "errors", "over", "trips"),
    [
        (1000, 10, True, False),
        (1000, 11, True, True),
        # One failure of the first hundred is allowed, whenever it comes; the second is too much at
        # once.
        (1, 1, False, False),
        (20, 1, False, False),
        (20, 2, False, True),
        # When the time is over, what was seen is what counts.
        (20, 1, True, True),
        (100, 1, True, False),
        (0, 0, True, False),
    ],
)
def test_error_rate(requests: int, errors: int, over: bool, trips: bool) -> None:
    """At most one in a hundred; of few requests, as soon as it cannot hold any more, and at the end
    as seen.
    """
    result = evaluate_guard(
        GUARD, arm(), arm(requests=requests, errors=errors), classes=False, over=over
    )
    assert bool(result.trips) is trips
    assert all("error rate" in reason for reason in result.trips)


def test_latency() -> None:
    """The 99th percentile is held against the spec's limit, once enough requests were seen."""
    slow = arm(requests=100, p99_ms=50.1)
    assert (
        "p99 latency 50.1 ms"
        in evaluate_guard(GUARD, arm(), slow, classes=False, over=False).trips[0]
    )


@pytest.mark.parametrize(
    ("champion", "challenger", "trips"),
    [
        ((20.0, 100.0), (60.0, 310.0), True),
        # Under a quarter of a second nobody waits.
        ((2.0, 20.0), (30.0, 240.0), False),
        # The whole machine is slow.
        ((200.0, 900.0), (300.0, 2600.0), False),
        # A few answers of a busy machine were slow, and most were not.
        ((20.0, 60.0), (25.0, 2000.0), False),
    ],
)
def test_without_a_limit_a_version_much_slower_than_the_champion_trips(
    champion: tuple[float, float], challenger: tuple[float, float], trips: bool
) -> None:
    """The default needs a slow tail, and a median that is slower than the champion's, too."""
    arms = [
        arm(requests=100, rows=100, p50_ms=p50, p99_ms=p99) for p50, p99 in (champion, challenger)
    ]
    result = evaluate_guard(Guard(), *arms, classes=False, over=True)
    assert "latency" in result.evaluated
    assert bool(result.trips) is trips
    assert all("release.guard.p99_ms" in words for words in result.trips)
    # Of few requests of the champion nothing is known.
    few = replace(arms[0], figures=arms[0].figures.model_copy(update={"requests": 99}))
    assert evaluate_guard(Guard(), few, arms[1], classes=False, over=True).trips == []


def test_noise_of_a_slow_machine_never_trips_the_default() -> None:
    """A thousand looks at two equal versions on a machine with pauses of seconds trip nothing."""
    random = np.random.default_rng(3)
    for _ in range(1000):
        arms = []
        for _ in range(2):
            seconds = random.exponential(0.15, 100) + random.choice([0.0, 3.0], 100, p=[0.98, 0.02])
            p50, p99 = np.percentile(seconds * 1e3, [50, 99])
            arms.append(arm(requests=100, rows=100, p50_ms=p50, p99_ms=p99))
        assert evaluate_guard(Guard(), *arms, classes=False, over=True).trips == []


def test_a_waived_guard_tells_its_trips_and_trips_nothing() -> None:
    """The record lists a waived trip among the signals that were not held against the version."""
    bad = arm(requests=100, errors=50)
    result = evaluate_guard(Guard(), arm(), bad, classes=False, over=True)
    waiver = ReleaseWaiver(limit="guard", because="a first trial of the model")
    waived = waive_guard(result, waiver)
    assert waive_guard(result, None) == result
    assert waived.trips == []
    assert waived.missing[0] == "the guard is waived: a first trial of the model"
    assert "it would have tripped: error rate 50.00%" in waived.missing[1]


@pytest.mark.parametrize("size", [100, 500, 2000])
def test_predictions_trip_on_a_shift_and_not_on_chance(size: int) -> None:
    """Four hundred looks at two samples of one distribution trip at most once; a shift of two
    deviations always.
    """
    figures: dict[str, Any] = {"requests": size, "rows": size}
    trips = sum(
        bool(
            evaluate_guard(
                GUARD,
                arm(predictions=sample(2 * n, size), **figures),
                arm(predictions=sample(2 * n + 1, size), **figures),
                classes=False,
                over=True,
            ).trips
        )
        for n in range(400)
    )
    assert trips <= 1
    for n in range(20):
        champion = arm(predictions=sample(2 * n, size), **figures)
        moved = arm(predictions=sample(2 * n + 1, size, shift=2.0), **figures)
        result = evaluate_guard(GUARD, champion, moved, classes=False, over=False)
        assert "distributed otherwise" in result.trips[0]
        assert result.psi is not None
        assert result.psi > GUARD.max_psi


def test_classes_that_change_places() -> None:
    """Class codes are no amounts: a challenger with another class more often is noticed."""
    champion = arm(requests=600, predictions=[0, 1, 2] * 200)
    assert evaluate_guard(GUARD, champion, champion, classes=True, over=True).psi == pytest.approx(
        0.0
    )
    other = arm(requests=600, predictions=[2, 2, 3] * 200)
    assert (
        "distributed otherwise"
        in evaluate_guard(GUARD, champion, other, classes=True, over=True).trips[0]
    )


def test_predictions_that_are_missing() -> None:
    """A challenger without a number, in place of the champion's, is noticed."""
    champion = arm(requests=200, predictions=sample(1, 200))
    holes = replace(
        champion,
        predictions=[None if n % 4 else value for n, value in enumerate(champion.predictions)],
    )
    assert evaluate_guard(GUARD, champion, holes, classes=False, over=True).trips


@pytest.mark.parametrize(
    ("champion", "challenger", "labels", "trips"),
    [
        (1.0, 1.1, 1000, False),
        (1.0, 2.0, 1000, True),
        (1.0, 2.0, 99, False),
        (0.0, 0.0, 1000, False),
    ],
)
def test_quality(champion: float, challenger: float, labels: int, trips: bool) -> None:
    """A clearly greater loss on enough labels trips."""
    more: dict[str, Any] = {"labels": labels, "loss_sd": 1.0}
    result = evaluate_guard(
        GUARD,
        arm(mean_loss=champion, **more),
        arm(mean_loss=challenger, **more),
        classes=False,
        over=False,
    )
    assert bool(result.trips) is trips


def test_quality_is_not_judged_on_noise() -> None:
    """Two hundred pairs of equal models with noisy losses: chance alone trips few."""
    random, trips = np.random.default_rng(7), 0
    for _ in range(200):
        losses = random.exponential(1.0, (2, 150))
        arms = [arm(labels=150, mean_loss=one.mean(), loss_sd=one.std()) for one in losses]
        trips += bool(evaluate_guard(GUARD, *arms, classes=False, over=True).trips)
    assert trips <= 1
