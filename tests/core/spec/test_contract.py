"""The contract says of a row what the expectations say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.features import polars_schema
from airworthy.protocol.contract_check import FLOAT32_END, ContractCheck
from airworthy.spec import ModelSpec, load_spec
from airworthy.spec.contract import Between, InSet, NotNull, contract_of
from airworthy.spec.validate_part import Expectation, Validate
from airworthy.validation.suite import Suite

SPEC = load_spec(Path(__file__).parents[3] / "include" / "models" / "delivery_eta" / "model.yaml")
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
NOT_NULL = "expect_column_values_to_not_be_null"
LENGTHS = "expect_column_value_lengths_to_be_between"


def spec_of(*expectations: dict[str, Any]) -> ModelSpec:
    """Return the spec of delivery_eta with these expectations."""
    validate = Validate(expectations=[Expectation.model_validate(each) for each in expectations])
    return SPEC.model_copy(update={"validate_": validate})


def near(*bounds: float) -> st.SearchStrategy[float | None]:
    """Return numbers at some bounds, beside them, and anywhere, and null."""
    beside = [
        number
        for bound in bounds
        for number in (bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf))
    ]
    anywhere = st.floats(-1e30, 1e30, allow_nan=False)
    return st.none() | st.sampled_from(beside) | anywhere


_RESULT_ROWS = 20  # a result of Great Expectations names so many
GOOD = {"distance_km": 1.0, "stops": 2, "weather": "rain"}
ROWS = st.fixed_dictionaries(
    {
        "distance_km": near(0.0, 12.5),
        "stops": st.none() | st.integers(-2, 34) | st.integers(-(2**63), 2**63 - 1),
        "weather": st.none() | st.sampled_from(["clear", "rain", "", "snow"]) | st.text(max_size=6),
    }
)
EXPECTATIONS: list[list[dict[str, Any]]] = [
    [
        {"type": BETWEEN, "column": "distance_km", "min_value": 0, "max_value": 12.5},
        {"type": BETWEEN, "column": "stops", "min_value": 1, "max_value": 30, "strict_max": True},
        {"type": IN_SET, "column": "weather", "value_set": ["clear", "rain"]},
    ],
    [
        {"type": BETWEEN, "column": "distance_km", "min_value": 0, "strict_min": True},
        {"type": BETWEEN, "column": "distance_km", "max_value": 12.5, "strict_max": True},
        {"type": NOT_NULL, "column": "distance_km"},
        {"type": BETWEEN, "column": "stops", "min_value": 1.5, "strict_min": True},
        {"type": IN_SET, "column": "stops", "value_set": [1, 2.0, 3, 30]},
        {"type": LENGTHS, "column": "weather", "min_value": 2, "max_value": 5},
    ],
    [
        {"type": NOT_NULL, "column": "weather"},
        {"type": NOT_NULL, "column": "stops"},
        {"type": IN_SET, "column": "distance_km", "value_set": [0, 1, 12.5]},
        {"type": IN_SET, "column": "weather", "value_set": ["clear", "rain", "", "snow"]},
        {"type": LENGTHS, "column": "weather", "max_value": 5, "strict_max": True},
    ],
]


@pytest.mark.parametrize("expectations", EXPECTATIONS)
def test_a_row_is_refused_exactly_when_the_expectations_say_no(
    expectations: list[dict[str, Any]],
) -> None:
    """For ranges, sets, lengths and nulls, Great Expectations and the contract say the same of any
    row, alone and among others.
    """
    spec = spec_of(*expectations)
    suite = Suite(spec.model, spec.validate_.expectations)
    check = ContractCheck(contract_of(spec), spec.inputs, spec.model, "1")
    good = _columns(spec, GOOD)
    assert check.outside(good) is None

    @given(rows=st.lists(ROWS, min_size=_RESULT_ROWS, max_size=_RESULT_ROWS))
    @settings(max_examples=8, deadline=None, derandomize=True)
    def agree(rows: list[dict[str, Any]]) -> None:
        types = {name: spec.inputs[name] for name in rows[0]}
        result = suite.run(pl.DataFrame(rows, schema=polars_schema(types)))
        broken: set[int] = set()
        for single in result.results:
            assert not single.exception_info["raised_exception"]
            broken.update(single.result["partial_unexpected_index_list"])
        for number, row in enumerate(rows):
            columns = _columns(spec, row)
            alone = check.outside(columns)
            assert (alone is not None and alone.refusal is not None) == (number in broken), row
            among = check.outside([one + other for one, other in zip(columns, good, strict=True)])
            assert (among is not None) == (number in broken), row

    agree()


def _columns(spec: ModelSpec, row: dict[str, Any]) -> list[list[Any]]:
    """Return a row's values as those of a request; columns without a rule are null."""
    return [[row.get(name)] for name in spec.inputs]


@pytest.mark.parametrize(
    ("number", "is_outside"),
    [
        (3.4028234663852886e38, False),
        (math.nextafter(FLOAT32_END, 0.0), False),
        (FLOAT32_END, True),
        (-1e39, True),
        (2**64 - 1, False),
    ],
)
def test_a_number_that_is_infinity_as_a_float32_is_outside_every_contract(
    number: float, is_outside: bool
) -> None:
    """Without any expectation too; the model would see infinity."""
    spec = spec_of()
    check = ContractCheck(contract_of(spec), spec.inputs, spec.model, "1")
    assert (check.outside(_columns(spec, {"distance_km": number})) is not None) == is_outside


def test_only_what_a_single_row_can_break_is_in_the_contract() -> None:
    """Severity warning and `mostly` never refuse; the label, the key, rows on a condition, and
    expectations about more than one value are left out.
    """
    ends = {"type": BETWEEN, "column": "stops", "min_value": 0}
    spec = spec_of(
        ends,
        ends | {"severity": "warning"},
        ends | {"mostly": 0.99},
        ends | {"mostly": 1.0},
        ends | {"row_condition": "city == 'Oslo'", "condition_parser": "pandas"},
        {"type": BETWEEN, "column": "minutes", "min_value": 0},
        {"type": BETWEEN, "column": "city", "min_value": "A"},
        {"type": NOT_NULL, "column": "delivery_id"},
        {"type": IN_SET, "column": "stops", "value_set": ["1", 2]},
        {"type": "expect_column_values_to_be_unique", "column": "stops"},
        {"type": "expect_column_mean_to_be_between", "column": "stops", "min_value": 1},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1},
    )
    rules = contract_of(spec).rules
    assert [(rule.column, rule.kind, rule.refuses) for rule in rules] == [
        ("stops", "range", True),
        ("stops", "range", False),
        ("stops", "range", False),
        ("stops", "range", True),
    ]
    assert all(isinstance(rule, Between) and rule.min_value == 0 for rule in rules)


def test_the_shipped_models_have_the_contract_of_their_spec() -> None:
    """The bundle keeps it: a range, a set and a null that refuse, and shares that count."""
    rules = {(type(rule), rule.column): rule.refuses for rule in contract_of(SPEC).rules}
    assert rules[Between, "stops"]
    assert rules[InSet, "vehicle"]
    assert rules[NotNull, "distance_km"]
    assert not rules[Between, "distance_km"]
