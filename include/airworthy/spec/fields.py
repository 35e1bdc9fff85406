"""Field types that several parts of a spec share: durations, column types, names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"^(\d+)\s*([mhdw])$")


def parse_duration(value: object) -> timedelta:
    """Turn ``"28d"``, ``"12h"``, ``"30m"`` or ``"4w"`` into a duration.

    Raises:
        ValueError: when the text is none of these (pydantic turns it into a fault of the spec).
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a whole number and one of m, h, d, w, such as 28d or 12h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def format_duration(value: timedelta) -> str:
    """Write a duration in the largest unit that keeps it whole: the inverse of `parse_duration`."""
    minutes = int(value.total_seconds() // 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
    Field(json_schema_extra={"examples": ["28d", "12h"]}),
]

ColumnType = Literal["float", "int", "bool", "category", "string", "datetime"]

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,60}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """Base of every part of a spec: frozen, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
