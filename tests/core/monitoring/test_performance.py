"""The champion's live error against its holdout's promise."""

from __future__ import annotations

import numpy as np
import pytest

from airworthy.monitoring.judge_window import evaluate_rise
from airworthy.monitoring.loss_rise import LossRise, WindowLosses, loss_rise, summarise_losses
from airworthy.spec.evaluate_part import Task
from airworthy.spec.monitor_part import Performance

WEEKDAY = [1.0, 1.0, 1.1, 1.1, 1.3, 0.8, 0.6]


def errors(day: int, scale: float, wander: float = 0.02, count: int = 1000) -> WindowLosses:
    """Return a day's squared errors; their spread follows the weekday, and wanders from day to day.

    Args:
        day: The number of the day.
        scale: Of the errors.
        wander: Its relative change from day to day.
        count: How many rows.
    """
    chance = np.random.default_rng([day, 2])
    sigma = scale * WEEKDAY[day % 7] * np.exp(wander * chance.normal())
    labels = chance.normal(20, 5, count)
    return summarise_losses(day % 7, "regression", labels, labels + chance.normal(0, sigma, count))


def rise(day: int, scale: float, wander: float = 0.02) -> LossRise:
    """Return the rise of a live day; the champion's own errors are 2 in training, 3 on its holdout.

    Args:
        day: The number of the day.
        scale: Of the day's errors.
        wander: Its relative change from day to day.
    """
    trained, holdout = (
        [errors(d, 2.0, wander) for d in range(28)],
        [errors(d, 3.0, wander) for d in range(28, 31)],
    )
    result = loss_rise("regression", errors(day, scale, wander), trained, holdout)
    assert result is not None
    return result


@pytest.mark.parametrize("day", range(35, 42))
def test_each_weekday_is_expected_to_be_as_it_is(day: int) -> None:
    """Fridays are harder and Sundays easier; neither is a rise, though the holdout had neither."""
    result = rise(day, 3.0)
    assert result.expected == pytest.approx(3.0 * WEEKDAY[day % 7], rel=0.1)
    assert abs(result.rise) < 0.15
    assert result.p_value > 0.01


@pytest.mark.parametrize("day", range(35, 42))
def test_a_worse_champion_is_noticed_on_any_day(day: int) -> None:
    """A third more error is a rise of a third, and no chance."""
    result = rise(day, 4.0)
    assert result.rise == pytest.approx(1 / 3, abs=0.15)
    assert evaluate_rise(result, Performance(), "rmse")[0] == "fired"


def test_a_better_champion_is_no_alarm() -> None:
    """Only a rise counts."""
    result = rise(37, 2.0)
    assert result.rise < 0
    assert evaluate_rise(result, Performance(), "rmse")[0] == "quiet"


def test_days_that_differ_much_anyway_excuse_more() -> None:
    """With errors that wander by a third from day to day, a third more is no reason to retrain."""
    assert rise(37, 4.0, wander=0.33).p_value > 0.01 > rise(37, 4.0).p_value


@pytest.mark.parametrize(
    ("task", "labels", "predictions", "mean"),
    [
        ("regression", [1.0, 2.0], [2.0, 4.0], 2.5),
        ("binary", [1.0, 0.0], [0.5, 0.5], np.log(2)),
        ("multiclass", [2.0, 0.0], [[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], np.log(2)),
    ],
)
def test_losses_of_each_task(
    task: Task, labels: list[float], predictions: list[float], mean: float
) -> None:
    """Squared errors, and the log loss of the true class."""
    assert summarise_losses(0, task, np.array(labels), np.array(predictions)).mean == pytest.approx(
        mean
    )


def test_nothing_is_said_without_enough_windows() -> None:
    """One trained window does not tell how windows differ, and without a holdout nothing was
    promised.
    """
    days = [errors(day, 2.0) for day in range(7)]
    assert loss_rise("regression", days[0], days[:1], days) is None
    assert loss_rise("regression", days[0], days, []) is None
    assert loss_rise("regression", days[0], days, days[:1]) is not None


def test_a_perfect_champion_can_only_get_worse() -> None:
    """Without any error there is no logarithm; the first error stands out all the same."""
    perfect = [WindowLosses(day % 7, 100.0, 0.0, 0.0) for day in range(14)]
    result = loss_rise("regression", errors(3, 1.0), perfect, perfect[:2])
    assert result is not None
    assert evaluate_rise(result, Performance(), "rmse")[0] == "fired"
