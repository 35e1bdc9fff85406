"""Checks the values of one input column against its declared type and converts them for Polars."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from airworthy.category_text import category_text
from airworthy.protocol.refusals import RefusedError, short_repr
from airworthy.spec.fields import ColumnType

_NONE = type(None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63
_TEXTS = ("category", "string")

# Values of these JSON types need no conversion.
_UNCHANGED_TYPES: dict[str, frozenset[type]] = {
    "float": frozenset({float, int}),
    "int": frozenset(),
    "bool": frozenset({bool}),
    "category": frozenset({str}),
    "string": frozenset({str}),
    "datetime": frozenset(),
}
_ALLOWED: dict[str, str] = {
    "float": "a number",
    "int": "a whole number of at most 64 bits",
    "bool": "true or false",
    "category": "text",
    "string": "text",
    "datetime": 'an ISO 8601 time such as "2026-01-31T08:30:00Z"',
}


class InputColumn:
    """One column of ``manifest.inputs``."""

    def __init__(
        self, name: str, kind: ColumnType, nullable: bool, also: Collection[str] = ()
    ) -> None:
        """Select the checks of the declared type.

        Args:
            name: The column's name.
            kind: Its declared type.
            nullable: Whether null is allowed. It is allowed for every input except an event time
                that a feature reads.
            also: For a category or a string, the further JSON types of its values: ``number``,
                ``boolean``. They become texts as in training.
        """
        self.name = name
        self.nullable = nullable
        texts = "".join(f", a {each}" for each in also) if kind in _TEXTS else ""
        self.allowed = _ALLOWED[kind] + texts + (" or null" if nullable else "")
        self._unchanged_types = _UNCHANGED_TYPES[kind] | ({_NONE} if nullable else set())
        self._convert: Callable[[Any], Any] = {
            "int": _whole_number,
            "datetime": _microseconds_or_null if nullable else _microseconds,
            "category": _text_of(also),
            "string": _text_of(also),
        }.get(kind, _reject)

    def read(self, values: list[Any]) -> list[Any]:
        """Return the values in types for Polars.

        Times become microseconds since 1970-01-01 UTC. Naive times are UTC.

        >>> InputColumn("time", "datetime", nullable=True).read(["1970-01-01T00:00:01Z", None])
        [1000000, None]

        Raises:
            RefusedError: when a value has another type. It names the column and the first such row.
        """
        if self._unchanged_types.issuperset(map(type, values)):
            return values
        return [self._read_value(value, row) for row, value in enumerate(values)]

    def _read_value(self, value: Any, row: int) -> Any:
        if type(value) in self._unchanged_types:
            return value
        try:
            return self._convert(value)
        except (ValueError, TypeError, OverflowError):
            text = short_repr(value) if value is not None else "null"
            raise RefusedError(
                400,
                f"{self.name}: received {text} (row {row}), allowed: {self.allowed}",
                field=self.name,
                row=row,
                received=text,
                allowed=self.allowed,
            ) from None


def _reject(value: Any) -> Any:
    raise ValueError(value)


def _text_of(also: Collection[str]) -> Callable[[Any], str]:
    types = {"number": (int, float), "boolean": (bool,)}
    taken = tuple(each for name in also for each in types[name])

    def text(value: Any) -> str:
        if type(value) not in taken:
            raise ValueError(value)
        return category_text(value)

    return text


def _whole_number(value: Any) -> int:
    # Clients with whole numbers and nulls in a float column send 3.0 for 3.
    if (
        type(value) not in (int, float)
        or value != (number := int(value))
        or not -_INT64 <= number < _INT64
    ):
        raise ValueError(value)
    return number


def _microseconds_or_null(value: Any) -> int | None:
    # MLflow's client writes a missing time of pandas so.
    return None if value == "NaT" else _microseconds(value)


def _microseconds(value: Any) -> int:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
