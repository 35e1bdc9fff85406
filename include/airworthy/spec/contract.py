"""The contract of a model's inputs: the rules that each row of a request meets.

It is made of the spec's expectations at training time and kept in the version's bundle. So the
model server needs no spec, and each version has its own contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airworthy.spec.fields import ColumnType
from airworthy.spec.model_spec import ModelSpec
from airworthy.spec.serving_part import OutOfContract
from airworthy.spec.validate_part import Expectation

_NUMBERS: tuple[ColumnType, ...] = ("float", "int")
_TEXTS: tuple[ColumnType, ...] = ("category", "string")
# These arguments change nothing for a single value. Any other one leaves an expectation out.
_HARMLESS = {"column", "mostly", "meta", "notes", "description"}
_BOUNDS = {"min_value", "max_value", "strict_min", "strict_max"}


class _Rule(BaseModel):
    """Base of the rules about one column. A null meets each of them but `NotNull`.

    Attributes:
        column: The input's name.
        refuses: False for a rule of a warning, or one that a share of the rows may break: rows
            that break it are counted and answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    refuses: bool


class NotNull(_Rule):
    """A value is needed."""

    kind: Literal["null"] = "null"


class Between(_Rule):
    """A number, or with kind ``length`` a text's number of characters, between two bounds."""

    kind: Literal["range", "length"]
    min_value: int | float | None = None
    max_value: int | float | None = None
    strict_min: bool = False
    strict_max: bool = False


class InSet(_Rule):
    """One of a few values."""

    kind: Literal["set"] = "set"
    value_set: list[bool | int | float | str]


Rule = Annotated[NotNull | Between | InSet, Field(discriminator="kind")]


class Contract(BaseModel):
    """The rules about a model's inputs.

    A number beyond float32 breaks every contract: the model would see infinity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    out_of_contract: OutOfContract
    rules: list[Rule]


def contract_of(spec: ModelSpec) -> Contract:
    """Return the contract of a spec's inputs.

    Expectations about the label, the key, several rows, other properties of a value, or some rows
    only (``row_condition``) are left out.
    """
    rules = [
        rule
        for expectation in spec.validate_.expectations
        for rule in _rules(expectation, spec.inputs)
    ]
    return Contract(out_of_contract=spec.serving.out_of_contract, rules=rules)


def _rules(expectation: Expectation, inputs: dict[str, ColumnType]) -> Iterator[Rule]:
    # By identity: the bound 0 is no False.
    arguments = {
        key: value
        for key, value in expectation.arguments.items()
        if value is not None and value is not False
    }
    name = arguments.get("column")
    if not isinstance(name, str) or name not in inputs:
        return
    refuses = expectation.severity == "critical" and arguments.get("mostly", 1) == 1
    further = {key: arguments[key] for key in arguments.keys() - _HARMLESS}
    rule = _rule(expectation.type, name, inputs[name], refuses, further)
    if rule is not None:
        yield rule


def _rule(
    expectation: str, column: str, kind: ColumnType, refuses: bool, further: dict[str, Any]
) -> Rule | None:
    match expectation:
        case "expect_column_values_to_not_be_null" if not further:
            return NotNull(column=column, refuses=refuses)
        case "expect_column_values_to_be_in_set" if further.keys() == {"value_set"}:
            return _in_set(column, kind, refuses, further["value_set"])
        case "expect_column_values_to_be_between" if kind in _NUMBERS and _are_bounds(further):
            return Between(column=column, refuses=refuses, kind="range", **further)
        case "expect_column_value_lengths_to_be_between" if kind in _TEXTS and _are_bounds(further):
            return Between(column=column, refuses=refuses, kind="length", **further)
        case "expect_column_value_lengths_to_equal" if kind in _TEXTS and further.keys() == {
            "value"
        }:
            bounds = {"min_value": further["value"], "max_value": further["value"]}
            if _are_bounds(bounds):
                return Between(column=column, refuses=refuses, kind="length", **bounds)
    return None


def _in_set(column: str, kind: ColumnType, refuses: bool, values: Any) -> InSet | None:
    """Return the rule; None when a value of the set has another type than the column."""
    types: dict[str, tuple[type, ...]] = {
        "float": (int, float),
        "int": (int, float),
        "bool": (bool,),
        "category": (str,),
        "string": (str,),
    }
    wanted = types.get(kind, ())
    given = [value for value in values if value is not None] if type(values) is list else []
    if not given or any(type(value) not in wanted for value in given):
        return None
    return InSet(column=column, refuses=refuses, value_set=given)


def _are_bounds(further: dict[str, Any]) -> bool:
    values = [further.get("min_value"), further.get("max_value")]
    given = [value for value in values if value is not None]
    flags = [further.get("strict_min", False), further.get("strict_max", False)]
    return (
        further.keys() <= _BOUNDS
        and bool(given)
        and all(type(value) in (int, float) for value in given)
        and all(type(flag) is bool for flag in flags)
    )
