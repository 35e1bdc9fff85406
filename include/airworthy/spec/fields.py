"""Field types shared by the parts of a spec: durations, dates, column types, names.

Validators report broken rules with `raise_violations`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic_core import PydanticCustomError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"^([0-9]{1,6})\s*([smhdw])$")
_DURATIONS_ALLOWED = (
    "a whole number and one of s, m, h, d, w (at most 100 years), such as 28d, 12h, 30m or 45s"
)
_LONGEST = timedelta(days=36_525)
_NOT_FINITE = ("nan", "inf", "infinity")


class Violation(NamedTuple):
    """One broken rule: the key's path below the validated part, and the texts of its `Fault`."""

    key: tuple[str | int, ...]
    problem: str
    received: object
    allowed: str


def violation_error(*violations: Violation) -> PydanticCustomError:
    """Return one pydantic error (a ``ValueError``) of type ``airworthy`` with all violations."""
    text = "; ".join(violation.problem for violation in violations)
    context = {"text": text, "violations": list(violations)}
    return PydanticCustomError("airworthy", "{text}", context)


def raise_violations(violations: Sequence[Violation]) -> None:
    """Raise all violations as one error; do nothing when there is none.

    Raises:
        PydanticCustomError: the `violation_error` of all of them.
    """
    if violations:
        raise violation_error(*violations)


def parse_duration(value: object) -> timedelta:
    """Parse ``"28d"``, ``"12h"``, ``"30m"``, ``"45s"`` or ``"4w"``; return a duration unchanged.

    >>> parse_duration("4w")
    datetime.timedelta(days=28)

    Raises:
        ValueError: when the text has another form; pydantic turns it into a fault of the spec.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value) if isinstance(value, str) else None
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
    if duration is None or duration > _LONGEST:
        raise violation_error(Violation((), "this is not a duration", value, _DURATIONS_ALLOWED))
    return duration


def format_duration(value: timedelta) -> str:
    """Format a duration in its largest whole unit up to days: the inverse of `parse_duration`.

    >>> format_duration(timedelta(hours=36))
    '36h'
    """
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _parse_day(value: object) -> object:
    if isinstance(value, date) or (
        isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)
    ):
        return value
    raise violation_error(
        Violation(
            (),
            "this is not a date",
            value,
            "a date that exists, year-month-day, such as 2025-01-31",
        )
    )


Duration = Annotated[
    timedelta,
    BeforeValidator(
        parse_duration,
        json_schema_input_type=Annotated[str, Field(pattern=r"^[0-9]{1,6}\s*[smhdw]$")],
    ),
    PlainSerializer(format_duration, return_type=str),
    Field(json_schema_extra={"examples": ["28d", "12h"]}),
]
# The JSON Schema's default and examples of a duration of zero, written as in a spec.
NO_TIME: dict[str, JsonValue] = {"default": "0d", "examples": ["1d", "12h"]}
Day = Annotated[date, BeforeValidator(_parse_day, json_schema_input_type=date)]

ColumnType = Literal["float", "int", "bool", "category", "string", "datetime"]

MODEL_NAME = r"^[a-z][a-z0-9_]{1,60}$"
ModelName = Annotated[
    str,
    Field(
        pattern=MODEL_NAME,
        description="lower-case letters, digits and _, starting with a letter, 2 to 61 characters",
    ),
]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


def non_finite(value: JsonValue | Any) -> bool:
    """Tell whether a parameter is, or holds, NaN or infinity, as a number or as XGBoost's text.

    >>> non_finite(float("nan")), non_finite("Infinity"), non_finite([1, "nan"]), non_finite("hist")
    (True, True, True, False)
    """
    if isinstance(value, list):
        return any(map(non_finite, value))
    if isinstance(value, str) and value.strip().lower().lstrip("+-") not in _NOT_FINITE:
        return False
    return isinstance(value, str | float) and not math.isfinite(float(value))


class Part(BaseModel):
    """Base of every part of a spec: frozen, and an unknown key is a fault.

    Attributes:
        LATER: Keys that are newer than the digests of specs. A spec that does not use them has the
            digests that it had before: see `digest_form`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    LATER: ClassVar[tuple[str, ...]] = ()

    def digest_form(self) -> dict[str, Any]:
        """Return the part as JSON values for a digest, without unused later keys."""
        content = self.model_dump(mode="json", by_alias=True)
        for name, field in type(self).model_fields.items():
            value, key = getattr(self, name), field.alias or name
            if name in self.LATER and value == field.get_default(call_default_factory=True):
                del content[key]
            elif isinstance(value, Part):
                content[key] = value.digest_form()
        return content
