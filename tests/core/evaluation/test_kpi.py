"""The business KPI prices each row as the spec says, and its comparison is the bootstrap of those
prices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airworthy.behaviour import Behaviour
from airworthy.errors import TerminalError
from airworthy.evaluation.bootstrap import BootstrapSettings, relative_cost
from airworthy.evaluation.kpi import costs_of_rows
from airworthy.spec import load_spec
from airworthy.spec.evaluate_part import Kpi

MODELS = Path(__file__).resolve().parents[3] / "include/models"


def costs(
    model: str, kpi: Kpi | None, labels: Any, predictions: Any, classes: list[str], **names: Any
) -> Any:
    """Return each row's cost.

    Args:
        model: The model's name.
        kpi: The spec's KPI.
        labels: Of the rows.
        predictions: Of the rows.
        classes: Of the task.
        **names: The names in behaviour.py.
    """
    spec = load_spec(MODELS / model / "model.yaml")
    spec = spec.model_copy(update={"evaluate": spec.evaluate.model_copy(update={"kpi": kpi})})
    behaviour = Behaviour(Path("behaviour.py"), {}, names)
    return costs_of_rows(
        spec, behaviour, np.asarray(labels, dtype=float), np.asarray(predictions), classes
    )


def test_each_pair_of_a_binary_task_has_its_cost() -> None:
    """Hit, miss, false alarm and a pair without a cost, by hand; a class may be written 1, "1" or
    true.
    """
    kpi = Kpi.model_validate(
        {
            "costs": [
                {"actual": 1, "predicted": "0", "cost": 6},
                {"actual": True, "predicted": 1, "cost": 1.5},
                {"actual": False, "predicted": True, "cost": 1},
            ]
        }
    )
    values = costs("delivery_late", kpi, [1, 1, 0, 0], [0.9, 0.2, 0.5, 0.1], ["0", "1"])
    assert values.tolist() == [1.5, 6.0, 1.0, 0.0]


def test_classes_are_matched_by_name() -> None:
    """A multiclass cost follows the class's name, not its code; a class missing in the window is
    free.
    """
    kpi = Kpi.model_validate(
        {
            "costs": [
                {"actual": "snow", "predicted": "clear", "cost": 9},
                {"actual": "hail", "predicted": "rain", "cost": 5},
            ]
        }
    )
    predictions = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]
    assert costs("delivery_late", kpi, [2, 2], predictions, ["clear", "rain", "snow"]).tolist() == [
        9.0,
        0.0,
    ]
    assert costs("delivery_late", kpi, [0, 0], predictions, ["snow", "clear", "rain"]).tolist() == [
        0.0,
        9.0,
    ]


def test_without_a_kpi_nothing_is_priced() -> None:
    """A spec without a KPI has no costs."""
    assert costs("delivery_eta", None, [1.0], [1.0], []) is None


def test_a_function_prices_each_row() -> None:
    """The spec's function sees labels and predictions and cannot change them."""

    def spoil(labels: Any, predictions: Any) -> Any:
        labels += predictions
        return labels

    labels = np.array([1.0, 2.0])
    assert costs(
        "delivery_eta", Kpi(function="spoil"), labels, [10.0, 20.0], [], spoil=spoil
    ).tolist() == [11.0, 22.0]
    assert labels.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("result", [1.0, [1.0], [1.0, float("nan")], [[1.0], [1.0]], "much", None])
def test_a_function_that_prices_no_row_is_a_terminal_error(result: Any) -> None:
    """One finite number per row, or an error with the function's name."""
    with pytest.raises(TerminalError, match="'bad' gives no cost per row"):
        costs(
            "delivery_eta",
            Kpi(function="bad"),
            [1.0, 2.0],
            [1.0, 2.0],
            [],
            bad=lambda *_: result,
        )


def test_the_comparison_of_costs_is_sure_of_a_real_difference_only() -> None:
    """Twice the cost is a loss of 100 % with an interval around it; the same cost is none."""
    random = np.random.default_rng(3)
    cost = random.gamma(2.0, 1.0, 800)
    dear = 2 * cost + random.normal(0, 0.2, 800)
    days, settings = np.arange(800) // 100, BootstrapSettings(0.95, resamples=300, seed=1)
    point, low, high = relative_cost(dear, cost, days=days, settings=settings)
    assert low < point < high
    assert point == pytest.approx(dear.mean() / cost.mean() - 1)
    assert 0.9 < low < high < 1.1
    assert relative_cost(cost, cost, days=days, settings=settings) == (0.0, 0.0, 0.0)
