"""Checks a request's values against a version's contract.

A column within its rules costs one comparison of its value, or of the least and the greatest one of
many. Only a column with a value outside is looked at rule by rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from airworthy.protocol.refusals import RefusedError, short_repr
from airworthy.spec.contract import Between, Contract, InSet, NotNull, Rule
from airworthy.spec.fields import ColumnType

NOT_FINITE: Final = "not_finite"
FLOAT32_END = 2.0**128 - 2.0**103
"""The least number that is infinity as a float32."""

_LARGEST = math.nextafter(FLOAT32_END, 0.0)
_SHOWN = 20


class Outside(NamedTuple):
    """The rows of one request outside the contract.

    Attributes:
        rows: The number of rows that break a rule that refuses.
        columns: The number of these rows by column. A row may be counted at several.
        broken: The number of rows by column and reason, of rules that refuse.
        counted: The same, of rules that never refuse.
        refusal: The refusal of the request, or None when it is to be answered.
    """

    rows: int
    columns: dict[str, int]
    broken: dict[tuple[str, str], int]
    counted: dict[tuple[str, str], int]
    refusal: OutOfContractError | None


class OutOfContractError(RefusedError):
    """A request with a row outside the contract: the client's fault, whichever version judged."""


class _Test(NamedTuple):
    """One rule about one column, with its bounds made inclusive."""

    reason: str
    refuses: bool
    allowed: str
    is_broken: Callable[[Any], bool]


class _Column(NamedTuple):
    """One input's tests, and quick ones for all of them together."""

    position: int
    name: str
    tests: list[_Test]
    holds: Callable[[Any], bool]
    all_hold: Callable[[list[Any]], bool]


class ContractCheck:
    """The contract of one version, prepared for requests."""

    def __init__(
        self, contract: Contract, inputs: dict[str, ColumnType], model: str, version: str
    ) -> None:
        """Prepare the tests of each column.

        Args:
            contract: The rules.
            inputs: The manifest's inputs, in the order of a request's columns.
            model: The model's name.
            version: The version, named in refusals.
        """
        self._refuses = contract.out_of_contract == "refuse"
        self._next_step = (
            f"correct the value, or leave the row out; GET /models/{model} shows the contract of "
            f"version {version}"
        )
        columns = [
            _column(position, name, kind, [rule for rule in contract.rules if rule.column == name])
            for position, (name, kind) in enumerate(inputs.items())
        ]
        self._columns = [column for column in columns if column.tests]

    def outside(self, columns: list[list[Any]]) -> Outside | None:
        """Return the rows outside the contract; None when every rule is met.

        Args:
            columns: One list of values per input, of the declared types.
        """
        if len(columns[0]) == 1:
            failed = [each for each in self._columns if not each.holds(columns[each.position][0])]
        else:
            failed = [each for each in self._columns if not each.all_hold(columns[each.position])]
        return self._describe(failed, columns) if failed else None

    def _describe(self, failed: list[_Column], columns: list[list[Any]]) -> Outside:
        rows: dict[str, set[int]] = {}
        broken: dict[tuple[str, str], int] = {}
        counted: dict[tuple[str, str], int] = {}
        first: tuple[int, _Column, _Test] | None = None
        for column in failed:
            for test in column.tests:
                values = columns[column.position]
                found = [row for row, value in enumerate(values) if test.is_broken(value)]
                if not found:
                    continue
                counts = broken if test.refuses else counted
                key = column.name, test.reason
                counts[key] = max(counts.get(key, 0), len(found))
                if test.refuses:
                    rows.setdefault(column.name, set()).update(found)
                    if first is None or found[0] < first[0]:
                        first = found[0], column, test
        refusal = self._refusal(*first, columns) if first and self._refuses else None
        by_column = {name: len(found) for name, found in rows.items()}
        return Outside(len(set().union(*rows.values())), by_column, broken, counted, refusal)

    def _refusal(
        self, row: int, column: _Column, test: _Test, columns: list[list[Any]]
    ) -> OutOfContractError:
        value = columns[column.position][row]
        received = "null" if value is None else short_repr(value)
        return OutOfContractError(
            400,
            f"{column.name}: received {received} (row {row}), allowed: {test.allowed}",
            field=column.name,
            row=row,
            received=received,
            allowed=test.allowed,
            next_step=self._next_step,
        )


def inclusive_bounds(rule: Between, whole: bool) -> tuple[float, float]:
    """Return the least and the greatest allowed number.

    >>> inclusive_bounds(Between(column="stops", refuses=True, kind="range", min_value=0,
    ...                          strict_min=True), whole=True)
    (1, inf)

    Args:
        rule: The rule.
        whole: Whether the numbers are whole ones.
    """
    least: float = -math.inf if rule.min_value is None else rule.min_value
    greatest: float = math.inf if rule.max_value is None else rule.max_value
    if rule.strict_min and rule.min_value is not None:
        least = math.floor(least) + 1 if whole else math.nextafter(least, math.inf)
    if rule.strict_max and rule.max_value is not None:
        greatest = math.ceil(greatest) - 1 if whole else math.nextafter(greatest, -math.inf)
    return least, greatest


def _column(position: int, name: str, kind: ColumnType, rules: list[Rule]) -> _Column:
    null_rules = [rule for rule in rules if isinstance(rule, NotNull)]
    null_allowed = not null_rules
    or_null = "" if any(rule.refuses for rule in null_rules) else " or null"
    tests = [_test(rule, kind, or_null) for rule in rules]
    bounds = [
        inclusive_bounds(rule, whole=kind != "float") for rule in rules if isinstance(rule, Between)
    ]
    if kind == "float":
        finite = -_LARGEST, _LARGEST
        allowed = f"a finite 32-bit number{or_null}"
        # The first test: a number beyond float32 is told as such.
        tests.insert(0, _Test(NOT_FINITE, True, allowed, _outside(*finite)))
        bounds.append(finite)
    sets = [frozenset(rule.value_set) for rule in rules if isinstance(rule, InSet)]
    least = max((low for low, _ in bounds), default=None)
    greatest = min((high for _, high in bounds), default=None)
    if sets:
        holds, all_hold = _quick_set(frozenset.intersection(*sets), tests, null_allowed)
    elif least is not None and greatest is not None:
        by_length = kind in ("category", "string")
        quick = _quick_length if by_length else _quick_range
        holds, all_hold = quick(least, greatest, null_allowed)
    else:
        holds, all_hold = _is_known, _are_known
    return _Column(position, name, tests, holds, all_hold)


def _quick_range(
    least: float, greatest: float, null_allowed: bool
) -> tuple[Callable[[Any], bool], Callable[[list[Any]], bool]]:
    def holds(value: Any) -> bool:
        return null_allowed if value is None else least <= value <= greatest

    def all_hold(values: list[Any]) -> bool:
        if None in values:
            values = [value for value in values if value is not None] if null_allowed else []
            if not values:
                return null_allowed
        return bool(least <= min(values) and max(values) <= greatest)

    return holds, all_hold


def _quick_length(
    least: float, greatest: float, null_allowed: bool
) -> tuple[Callable[[Any], bool], Callable[[list[Any]], bool]]:
    def holds(value: Any) -> bool:
        return null_allowed if value is None else least <= len(value) <= greatest

    return holds, lambda values: all(map(holds, values))


def _quick_set(
    allowed: frozenset[Any], tests: list[_Test], null_allowed: bool
) -> tuple[Callable[[Any], bool], Callable[[list[Any]], bool]]:
    """Return the tests for a set. Values of the set that break another rule are taken out."""
    within = {each for each in allowed if not any(test.is_broken(each) for test in tests)}
    quick = frozenset(within | {None} if null_allowed else within)
    return quick.__contains__, quick.issuperset


def _is_known(value: Any) -> bool:
    return value is not None


def _are_known(values: list[Any]) -> bool:
    return None not in values


def _test(rule: Rule, kind: ColumnType, or_null: str) -> _Test:
    if isinstance(rule, NotNull):
        return _Test(
            rule.kind, rule.refuses, "a value other than null", lambda value: value is None
        )
    if isinstance(rule, InSet):
        allowed = frozenset(rule.value_set) | {None}
        text = f"one of {_listed(rule.value_set)}{or_null}"
        return _Test(rule.kind, rule.refuses, text, lambda value: value not in allowed)
    is_broken = _outside(*inclusive_bounds(rule, whole=kind != "float"))
    if rule.kind == "range":
        return _Test(rule.kind, rule.refuses, f"a number {_bounds_text(rule)}{or_null}", is_broken)
    text = f"text with a number of characters {_bounds_text(rule)}{or_null}"
    return _Test(
        rule.kind,
        rule.refuses,
        text,
        lambda value: value is not None and is_broken(len(value)),
    )


def _outside(least: float, greatest: float) -> Callable[[Any], bool]:
    return lambda value: value is not None and not least <= value <= greatest


def _listed(values: Iterable[Any]) -> str:
    texts = [short_repr(value) for value in values]
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _bounds_text(rule: Between) -> str:
    if rule.min_value is None or rule.max_value is None or rule.strict_min or rule.strict_max:
        above = "above" if rule.strict_min else "of at least"
        below = "below" if rule.strict_max else "of at most"
        ends = [(above, rule.min_value), (below, rule.max_value)]
        return " and ".join(f"{word} {value}" for word, value in ends if value is not None)
    return f"from {rule.min_value} to {rule.max_value}"
