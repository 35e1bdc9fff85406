"""A booster of the newest days replaces one of all days after a change of the world, and only then."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from airworthy.spec.train_part import Train
from airworthy.training.recent_span import RecentSpan, recent_spans
from airworthy.training.train_booster import FittedBooster, base_parameters, fit_booster
from airworthy.training.training_rows import StoredRows

DAYS, ROWS = 24, 60
START = date(2026, 3, 1)
SPANS = [RecentSpan(12, 8), RecentSpan(6, 2)]
TRAIN = {"lookback": "28d", "holdout": "3d", "rounds": 40, "early_stopping_rounds": 5}


def world(changes_on: int) -> tuple[StoredRows, StoredRows]:
    """Return 20 days to fit on and 4 to tune on; the label's meaning changes on a day."""
    generator = np.random.default_rng(3)
    values = generator.normal(size=(DAYS * ROWS, 2)).astype(np.float32)
    days = np.repeat(np.arange(DAYS), ROWS)
    sign = np.where(days >= changes_on, -1.0, 1.0)
    labels = 3 * sign * values[:, 0] + generator.normal(size=DAYS * ROWS)

    def part(first: int, last: int) -> StoredRows:
        rows = slice(first * ROWS, last * ROWS)
        return StoredRows(
            values[rows], labels[rows], [ROWS] * (last - first), ["a", "b"], ["q", "q"]
        )

    return part(0, 20), part(20, DAYS)


def fitted(changes_on: int, **train: Any) -> FittedBooster:
    """Fit a booster on a world, with the spans of a half and a quarter of its days."""
    spec: Any = SimpleNamespace(task="regression", train=Train(**{**TRAIN, **train}))
    spans = SPANS if spec.train.recent else []
    return fit_booster(spec, base_parameters(spec, [], {}), *world(changes_on), spans)


@pytest.mark.parametrize(("changes_on", "days"), [(99, "all"), (12, "12d"), (18, "6d")])
def test_the_span_after_the_change_wins(changes_on: int, days: str) -> None:
    """Without a change all days win; after one, those that follow it. The losses are recorded."""
    booster = fitted(changes_on)
    assert booster.days == days
    assert list(booster.losses) == ["all", "12d", "6d"]
    if days != "all":
        assert booster.losses[days] < 0.8 * booster.losses["all"]


def test_the_same_rows_give_the_same_bytes() -> None:
    """The choice and the last fit have no chance in them."""
    one, other = (fitted(12).booster.save_raw() for _ in range(2))
    assert one == other


def test_the_tuning_rows_are_fitted_on_last() -> None:
    """The last fit keeps the rounds, and knows a change that only the tuning days have seen."""
    before, after = fitted(20, refit=False, recent=[]), fitted(20, recent=[])
    assert (after.best_iteration, after.losses) == (before.best_iteration, {})
    assert after.booster.num_boosted_rounds() == before.booster.num_boosted_rounds()
    assert after.booster.save_raw() != before.booster.save_raw()


@pytest.mark.parametrize(
    ("recent", "rows", "spans"),
    [
        ("auto", 60, [(12, 8), (6, 2)]),
        ("auto", 20, [(12, 8)]),  # two days have under 50 rows
        (["10d"], 60, [(10, 6)]),
        (["4d"], 60, []),  # the tuning days alone
        ([], 60, []),
    ],
)
def test_spans_end_where_the_holdout_begins(
    recent: Any, rows: int, spans: list[tuple[int, int]]
) -> None:
    """A span counts its days from the holdout back, the tuning days among them."""
    days = [START + timedelta(days=number) for number in range(20)]
    train = Train(**{**TRAIN, "recent": recent})
    result = recent_spans(train, days, [rows] * 20, START, START + timedelta(days=DAYS))
    assert [(each.days, each.partitions) for each in result] == spans


def test_days_without_rows_are_no_partitions_of_a_span() -> None:
    """Only days that have rows are fitted on."""
    days = [START, START + timedelta(days=1), START + timedelta(days=19)]
    result = recent_spans(Train(**TRAIN), days, [60, 60, 60], START, START + timedelta(days=DAYS))
    assert result == [RecentSpan(12, 1), RecentSpan(6, 1)]


@pytest.mark.parametrize("span", ["12h", "0d", "25d", "28d"])
def test_a_span_that_is_none_is_refused(span: str) -> None:
    """A span is whole days, and shorter than the days before the holdout."""
    with pytest.raises(ValueError, match="no span of the newest days"):
        Train(**{**TRAIN, "recent": [span]})
