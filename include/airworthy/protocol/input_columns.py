"""The values of one input column: checked against its declared type and made what Polars takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airworthy.protocol.refusals import RefusedError, shown
from airworthy.spec.fields import ColumnType

_NONE = type(None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63

# The JSON types that need no further look at each value, and what is allowed in words.
_AS_THEY_ARE: dict[str, frozenset[type]] = {
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

    def __init__(self, name: str, kind: ColumnType, nullable: bool) -> None:
        """Pick the checks of the declared type.

        Args:
            name: The column's name.
            kind: Its declared type.
            nullable: Whether null is allowed; it is for every input but the event time.
        """
        self.name = name
        self.nullable = nullable
        self.allowed = _ALLOWED[kind] + (" or null" if nullable else "")
        self._as_they_are = _AS_THEY_ARE[kind] | ({_NONE} if nullable else set())
        self._convert: Callable[[Any], Any] = {"int": _whole_number, "datetime": _microseconds}.get(
            kind, _never
        )

    def read(self, values: list[Any]) -> list[Any]:
        """Return the values as Polars takes them: times as microseconds since 1970-01-01 UTC, naive times being UTC.

        Raises:
            RefusedError: naming the column and the first row whose value has another type.
        """
        if self._as_they_are.issuperset(map(type, values)):
            return values
        return [self._one(value, row) for row, value in enumerate(values)]

    def _one(self, value: Any, row: int) -> Any:
        if type(value) in self._as_they_are:
            return value
        try:
            return self._convert(value)
        except (ValueError, TypeError, OverflowError):
            text = shown(value) if value is not None else "null"
            raise RefusedError(
                400,
                f"{self.name}: received {text} (row {row}), allowed: {self.allowed}",
                field=self.name,
                row=row,
                received=text,
                allowed=self.allowed,
            ) from None


def _never(value: Any) -> Any:
    raise ValueError(value)


def _whole_number(value: Any) -> int:
    # Clients that keep whole numbers beside nulls in float columns send 3.0 for 3.
    if (
        type(value) not in (int, float)
        or value != (number := int(value))
        or not -_INT64 <= number < _INT64
    ):
        raise ValueError(value)
    return number


def _microseconds(value: Any) -> int:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
