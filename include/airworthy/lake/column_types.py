"""Types of a source's columns: which can be kept, and their values as text."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from airworthy.errors import TerminalError
from airworthy.spec.fields import ColumnType

_UNUSABLE = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Duration, pl.Object)
_EXACT_IN_FLOAT = 2**53


def is_unusable(kind: pl.DataType) -> bool:
    """Return whether no declared type can hold values of a Polars type."""
    return isinstance(kind, _UNUSABLE)


def refuse_unusable_types(
    schema: Mapping[str, pl.DataType], columns: Mapping[str, ColumnType]
) -> None:
    """Refuse declared columns whose values no declared type can hold.

    Raises:
        TerminalError: with the columns and their types.
    """
    unusable = {name: schema[name] for name in columns if is_unusable(schema.get(name, pl.Null()))}
    if unusable:
        raise TerminalError(
            f"no value of column {', '.join(map(repr, unusable))} can be kept: a "
            "list, a structure, a duration or bytes",
            received=", ".join(f"{name}: {kind}" for name, kind in unusable.items()),
            allowed="numbers, texts, booleans, dates and times",
            next_step="take it out of ingest.columns, or derive a number or a text from it in the "
            "source",
        )


def as_text(column: pl.Series) -> pl.Series:
    """Return any column as texts, also of types that Polars itself turns into none."""
    kind = column.dtype
    try:
        if not (kind.is_nested() or kind in (pl.Binary, pl.Object)):
            return column.cast(pl.String, strict=False)
    except pl.exceptions.PolarsError:
        pass
    return pl.Series(column.name, [_text(value) for value in column.to_list()], dtype=pl.String)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return json.dumps(value, default=str, ensure_ascii=False)


def stack_rows(frames: list[pl.DataFrame]) -> pl.DataFrame | None:
    """Stack the rows of a day's files; a column missing in a file is null there.

    A column with types that differ keeps every value: it becomes a common type that is exact, or
    text. Times with and without an offset become texts with and without one.
    """
    if not frames:
        return None
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    texts = [name for name in names if not _stacks(_columns(frames, name))]
    changed = [
        frame.with_columns(as_text(frame[name]) for name in texts if name in frame.columns)
        for frame in frames
    ]
    return pl.concat(changed, how="diagonal_relaxed")


def _columns(frames: list[pl.DataFrame], name: str) -> list[pl.Series]:
    columns = [frame[name] for frame in frames if name in frame.columns]
    return [column for column in columns if column.dtype != pl.Null]


def _stacks(columns: list[pl.Series]) -> bool:
    """Return whether columns have one type, or types with an exact common one."""
    kinds = {column.dtype for column in columns}
    if len(kinds) < 2:
        return True
    if all(kind.is_numeric() for kind in kinds) and pl.Boolean not in kinds:
        return all(_is_exact(column) for column in columns)
    if all(kind.is_temporal() and isinstance(kind, pl.Date | pl.Datetime) for kind in kinds):
        return len({getattr(kind, "time_zone", None) for kind in kinds}) == 1
    return False


def _is_exact(column: pl.Series) -> bool:
    """Return whether each number is the same as a float64."""
    if column.dtype.is_float():
        return True
    if column.dtype.is_decimal():
        return False
    least, greatest = column.min(), column.max()
    return all(not isinstance(end, int) or abs(end) <= _EXACT_IN_FLOAT for end in (least, greatest))
