"""Chooses the inputs among the columns, and says why the others are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airworthy.checks.feature_warnings import dense_ranks
from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.label import Label
from airworthy.proposal.leaks import copies, leaks, row_ids
from airworthy.proposal.proposal import EventTime, LeftOut

_OFTEN, _MOSTLY_MISSING = 0.02, 0.995


def choose_inputs(
    columns: Sequence[ColumnProfile], label: Label, time: EventTime | None
) -> tuple[list[ColumnProfile], list[LeftOut]]:
    """Return the inputs, and the columns that are left out.

    Args:
        columns: The columns without label, key and event time.
        label: The label.
        time: The event time; None: there is none.
    """
    reasons = {each.name: each.problem for each in columns if each.problem}
    reasons |= dict(_mostly_missing(columns, reasons))
    reasons |= dict(_wrong_times(columns, time))
    reasons |= _years([each for each in columns if each.name not in reasons], time)
    for find in (row_ids, copies):
        reasons |= find([each for each in columns if each.name not in reasons])
    reasons |= leaks([each for each in columns if each.name not in reasons], label)
    inputs = [each for each in columns if each.name not in reasons]
    return inputs, [LeftOut(each, reasons[each.name]) for each in columns if each.name in reasons]


def _mostly_missing(
    columns: Sequence[ColumnProfile], known: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for each in columns:
        if each.name not in known and each.null_share > _MOSTLY_MISSING:
            yield each.name, f"{each.null_share:.1%} of its values are missing"


def _years(columns: Sequence[ColumnProfile], time: EventTime | None) -> dict[str, str]:
    """Find whole numbers that are the year of the event time, or count its years."""
    if time is None or time.column.values.dt.year().n_unique() < 2:
        return {}
    year = dense_ranks(time.column.values.dt.year())
    return {
        each.name: f"it is the year of {time.column.source}: a new year is never known"
        for each in columns
        if each.kind == "int" and bool((dense_ranks(each.values) == year).all())
    }


def _wrong_times(
    columns: Sequence[ColumnProfile], time: EventTime | None
) -> Iterator[tuple[str, str]]:
    """Find times that a row does not have yet, or in another format than the event time's."""
    for each in columns:
        if each.kind != "datetime":
            continue
        if time is None:
            yield each.name, "it is a time, and no feature is made of a time without an event time"
            continue
        if bool((each.values == time.column.values.dt.truncate("1d")).all()):
            yield each.name, f"it is the day of {time.column.source}"
            continue
        later = (each.values > time.column.values).fill_null(value=False).mean()
        if isinstance(later, float) and later > _OFTEN:
            yield (
                each.name,
                f"it is later than {time.column.source} in {later:.0%} of the rows: not known then",
            )
        elif each.time_format != time.column.time_format:
            yield (
                each.name,
                f"its times have the format {each.time_format}, and those of "
                f"{time.column.source} {time.column.time_format}",
            )
