"""The drift rule is pure, the same in any order, and never undone by a greater shift."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.handover import Shift
from airworthy.monitoring.drift_rule import adjusted_p_values, describe, evaluate_drift
from airworthy.spec.monitor_part import Drift

COLUMNS = ("a", "b", "c", "d")
RULES = Drift(false_discovery_rate=0.05, min_importance=0.2, ignore=["d"])

shift_lists = st.lists(
    st.builds(
        Shift,
        column=st.sampled_from(COLUMNS),
        aspect=st.sampled_from(["distance", "spread", "new", "missing"]),
        effect=st.floats(0, 1),
        threshold=st.floats(0.05, 0.5),
        natural=st.floats(0, 0.2),
        p_value=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-9, 0.001, 0.01])),
        importance=st.just(0.0),
    ),
    max_size=12,
    unique_by=lambda shift: (shift.column, shift.aspect),
)
weights = st.fixed_dictionaries(
    {name: st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.6]) for name in COLUMNS}
)


def weighed(shifts: list[Shift], importance: dict[str, float]) -> list[Shift]:
    """Return shifts with these importances of their columns."""
    return [shift.model_copy(update={"importance": importance[shift.column]}) for shift in shifts]


def shift(
    column: str = "a", effect: float = 0.3, p_value: float = 1e-6, importance: float = 0.5
) -> Shift:
    """Return a shift of a column.

    Args:
        column: Its name.
        effect: The size.
        p_value: Of the effect.
        importance: Of the column.
    """
    return Shift(
        column=column,
        aspect="distance",
        effect=effect,
        threshold=0.15,
        natural=0.05,
        p_value=p_value,
        importance=importance,
    )


@given(shift_lists, weights, st.integers(0, 11), st.floats(1, 10), st.floats(0, 1), st.floats(1, 3))
def test_more_drift_never_undoes_it(
    shifts: list[Shift],
    importance: dict[str, float],
    index: int,
    grown: float,
    rarer: float,
    heavier: float,
) -> None:
    """A greater, less likely or weightier shift leaves every fired signal and drifted column as it
    was.
    """
    before = weighed(shifts, importance)
    if not before:
        return
    worse = before[index % len(before)]
    weight = worse.importance * heavier
    after = [
        each.model_copy(
            update={"importance": weight}
            | (
                {"effect": each.effect * grown, "p_value": each.p_value * rarer}
                if each is worse
                else {}
            )
        )
        if each.column == worse.column
        else each
        for each in before
    ]
    first, second = evaluate_drift(before, RULES), evaluate_drift(after, RULES)
    assert second.fired or not first.fired
    assert set(first.columns) <= set(second.columns)
    assert second.importance >= first.importance


@given(shift_lists, weights, st.integers())
def test_the_order_of_columns_is_of_no_matter(
    shifts: list[Shift], importance: dict[str, float], seed: int
) -> None:
    """Any order gives the same judgement, to the last digit."""
    listed = weighed(shifts, importance)
    mixed = random.Random(seed).sample(listed, len(listed))
    assert evaluate_drift(mixed, RULES) == evaluate_drift(listed, RULES)


@given(shift_lists, shift_lists, weights)
def test_what_the_champion_ignores_changes_nothing(
    shifts: list[Shift], others: list[Shift], importance: dict[str, float]
) -> None:
    """Columns without importance, and those the spec leaves out, might as well not be there."""
    heard = [each for each in weighed(shifts, importance) if each.column in ("a", "b")]
    unheard = [
        each.model_copy(update={"importance": importance["d"] if each.column == "d" else 0.0})
        for each in others
        if each.column in ("c", "d")
    ]
    assert evaluate_drift([*heard, *unheard], RULES) == evaluate_drift(heard, RULES)
    assert not evaluate_drift(unheard, RULES).fired


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0.001, 0.5))
def test_p_values_are_adjusted_as_benjamini_and_hochberg_say(
    p_values: list[float], rate: float
) -> None:
    """Rejected are the k smallest, for the largest k whose k-th smallest is at most rate * k / n."""
    ordered = sorted(p_values)
    largest = max(
        (k for k, p in enumerate(ordered, 1) if p <= rate * k / len(ordered) * (1 - 1e-9)),
        default=0,
    )
    limit = ordered[largest - 1] if largest else -1.0
    rejected = [
        p
        for p, adjusted in zip(p_values, adjusted_p_values(p_values), strict=True)
        if adjusted <= rate
    ]
    assert [p for p in p_values if p <= limit] == [p for p in rejected if p <= limit]
    assert all(p <= rate for p in rejected)


@pytest.mark.parametrize(
    ("result", "fires", "words"),
    [
        (
            shift(),
            True,
            "a distance 0.3 (from 0.15; usually 0.05): together 50% of the champion's gain",
        ),
        (shift(effect=0.1), False, "no column"),
        (shift(p_value=0.2), False, "no column"),
        (shift(importance=0.1), False, "less than the 20% that it takes"),
    ],
    ids=["drift", "small", "by chance", "unimportant"],
)
def test_size_chance_and_weight_all_count(result: Shift, fires: bool, words: str) -> None:
    """A small, likely or unimportant shift does not fire; the words name the reason."""
    judgement = evaluate_drift([result], RULES)
    assert judgement.fired is fires
    assert words in describe(judgement, RULES)


def test_the_weightiest_column_comes_first() -> None:
    """People read the first words."""
    result = evaluate_drift([shift("b", importance=0.2), shift("a", importance=0.6)], RULES)
    assert result.columns == ["a", "b"]
    assert result.importance == pytest.approx(0.8)
