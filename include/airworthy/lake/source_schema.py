"""The columns of a source as it delivers them, and their changes from day to day. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from airworthy.handover import StageOutput

UNKNOWN = "Null"
"""The type of a column without a value."""


class SchemaChange(StageOutput):
    """A change of the source's columns, as a run noticed it.

    Types are names of Polars types without parameters, such as ``Float64``. All columns of a CSV
    file are texts. Columns that the spec does not declare count too.

    Attributes:
        day: The UTC day of the rows, ``2026-01-31``.
        run_id: The run.
        appeared: New column -> type.
        vanished: Missing column -> type.
        retyped: Column -> type before, type after.
    """

    day: str
    run_id: str
    appeared: dict[str, str]
    vanished: dict[str, str]
    retyped: dict[str, tuple[str, str]]

    @property
    def lines(self) -> list[str]:
        """The change in words, a line for each column."""
        return [
            *(f"{name} appeared ({kind})" for name, kind in self.appeared.items()),
            *(f"{name} vanished ({kind})" for name, kind in self.vanished.items()),
            *(f"{name} changed from {old} to {new}" for name, (old, new) in self.retyped.items()),
        ]


@dataclass(frozen=True)
class SourceSchema:
    """The columns of a source's newest day, by name with their types.

    `preprocessing` is the digest of the spec's keys with an effect on them.
    """

    day: str
    columns: dict[str, str]
    preprocessing: str

    def is_before(self, other: SourceSchema) -> bool:
        """Tell whether another schema replaces this one: it is of no earlier day, or of another spec."""
        return other.day >= self.day or other.preprocessing != self.preprocessing

    def change_to(self, other: SourceSchema, run_id: str) -> SchemaChange | None:
        """Return the change from this schema to a later one; None: there is none to tell.

        An edit of the spec changes no source.
        """
        if not self.is_before(other) or other.preprocessing != self.preprocessing:
            return None
        old, new = self.columns, other.columns
        change = SchemaChange(
            day=other.day,
            run_id=run_id,
            appeared={name: kind for name, kind in new.items() if name not in old},
            vanished={name: kind for name, kind in old.items() if name not in new},
            retyped={
                name: (old[name], kind)
                for name, kind in new.items()
                if name in old and UNKNOWN not in (kind, old[name]) and kind != old[name]
            },
        )
        return change if change.lines else None

    def followed_by(self, other: SourceSchema) -> SourceSchema:
        """Return the later schema. A column without a value keeps its type."""
        columns = {
            name: self.columns.get(name, kind) if kind == UNKNOWN else kind
            for name, kind in other.columns.items()
        }
        return SourceSchema(other.day, columns, other.preprocessing)


def source_columns(raw: pl.DataFrame) -> dict[str, str]:
    """Return the columns of a source's rows by name, with their types.

    >>> source_columns(pl.DataFrame({"stops": [1, 2], "note": [None, None]}))
    {'stops': 'Int64', 'note': 'Null'}
    """
    types: Mapping[str, pl.DataType] = raw.schema
    return {name: str(kind.base_type()) for name, kind in types.items()}
