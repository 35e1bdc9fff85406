"""Shifts of columns between two dataset versions, by their recorded statistics. Pure.

No row is read. The words are the monitor's (`airworthy.monitoring.effects`), with the default
limits of its spec; the distance of numbers is the difference of the means, for the statistics have
no distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from airworthy.lake.statistics import ColumnStatistics
from airworthy.spec.monitor_part import CategoricalDrift, NumericDrift

_NUMBERS, _CATEGORIES = NumericDrift(), CategoricalDrift()


class ColumnShift(BaseModel):
    """A change of one column.

    Attributes:
        column: The column.
        aspect: ``added``, ``removed``, ``type``, ``distance``, ``spread`` or ``missing``.
        before: The value in the first dataset version: a type, a mean, a deviation, a share.
        after: The value in the second.
        size: The size of the change; None for a change of the columns themselves.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    aspect: str
    before: Any
    after: Any
    size: float | None = None


def column_shifts(
    before: Mapping[str, ColumnStatistics], after: Mapping[str, ColumnStatistics]
) -> list[ColumnShift]:
    """Return the columns that came, went, changed their type or shifted, in the order of columns.

    Args:
        before: Statistics by column of the first dataset version.
        after: Statistics of the second.
    """
    shifts: list[ColumnShift] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None:
            shifts += _shifts_of(name, old, new)
        elif new is not None:
            shifts.append(ColumnShift(column=name, aspect="added", before=None, after=new.type))
        elif old is not None:
            shifts.append(ColumnShift(column=name, aspect="removed", before=old.type, after=None))
    return shifts


def _shifts_of(name: str, old: ColumnStatistics, new: ColumnStatistics) -> list[ColumnShift]:
    if old.type != new.type:
        return [ColumnShift(column=name, aspect="type", before=old.type, after=new.type)]
    is_category = old.type in ("String", "Boolean")
    values = _values(name, old, new) if is_category else _numbers(name, old, new)
    limits = (_CATEGORIES if is_category else _NUMBERS).model_dump()
    return [
        shift
        for shift in (_missing(name, old, new), *values)
        if shift.size is not None and shift.size > limits[shift.aspect]
    ]


def _missing(name: str, old: ColumnStatistics, new: ColumnStatistics) -> ColumnShift:
    shares = [each.nulls / max(each.count + each.nulls, 1) for each in (old, new)]
    size = abs(shares[1] - shares[0])
    return ColumnShift(column=name, aspect="missing", before=shares[0], after=shares[1], size=size)


def _numbers(name: str, old: ColumnStatistics, new: ColumnStatistics) -> list[ColumnShift]:
    # A constant column has no scale: any change of its mean is a whole one.
    if old.mean is None or new.mean is None:
        return []
    difference = abs(new.mean - old.mean)
    size = difference / old.std if old.std else float(difference > 0)
    shifts = [
        ColumnShift(column=name, aspect="distance", before=old.mean, after=new.mean, size=size)
    ]
    if old.std and new.std:
        spread = abs(math.log(new.std / old.std))
        shifts.append(
            ColumnShift(column=name, aspect="spread", before=old.std, after=new.std, size=spread)
        )
    return shifts


def _values(name: str, old: ColumnStatistics, new: ColumnStatistics) -> list[ColumnShift]:
    """Return the Jensen-Shannon distance of the shares of values; the most changed one is named."""
    if not old.values or not new.values:
        return []
    shares = [
        {value: count / each.count for value, count in (each.values or {}).items()}
        for each in (old, new)
    ]
    names = sorted({*shares[0], *shares[1]})
    pairs = [(shares[0].get(value, 0.0), shares[1].get(value, 0.0)) for value in names]
    divergence = sum(_divergence(a, (a + b) / 2) + _divergence(b, (a + b) / 2) for a, b in pairs)
    value, (a, b) = max(
        zip(names, pairs, strict=True), key=lambda each: abs(each[1][1] - each[1][0])
    )
    return [
        ColumnShift(
            column=name,
            aspect="distance",
            before=f"{value} {a:.1%}",
            after=f"{value} {b:.1%}",
            size=math.sqrt(max(divergence, 0.0) / 2),
        )
    ]


def _divergence(share: float, middle: float) -> float:
    return share * math.log(share / middle) if share else 0.0
