"""The difference between the old and the new rows of a restated partition. Pure."""

from __future__ import annotations

import polars as pl

from airworthy.handover import StageOutput
from airworthy.spec.ingest_part import ROW_NUMBER, Ingest

_NEW = "__new"


class RowChanges(StageOutput):
    """The changes of a partition's rows, compared by key.

    Attributes:
        added: Rows with a new key.
        removed: Rows whose key is gone.
        changed: Column -> number of rows with another value. Labels that were missing are not
            among them.
        labelled: Rows whose missing label came in.
    """

    added: int
    removed: int
    changed: dict[str, int]
    labelled: int

    @property
    def are_late_labels(self) -> bool:
        """True when nothing but missing labels came in, as the spec's ``label_delay`` expects."""
        return not (self.added or self.removed or self.changed)

    @property
    def text(self) -> str:
        """The changes in words."""
        counts = [(self.added, "added"), (self.removed, "removed"), (self.labelled, "labelled")]
        rows = [f"{count:,} {verb}" for count, verb in counts if count]
        columns = [f"{count:,} with another {name}" for name, count in self.changed.items()]
        return ", ".join([*rows, *columns]) or "no row"


def row_changes(old: pl.DataFrame, new: pl.DataFrame, ingest: Ingest) -> RowChanges:
    """Compare the conformed rows of a partition.

    Rows without a key are compared as a whole: one with another value is removed and added. If all
    rows are the same but for labels that came in, these are counted.

    Args:
        old: The rows so far, unique by key.
        new: The new rows, unique by key, with the same columns.
        ingest: The declared key and label.
    """
    if not ingest.key:
        return _without_key(old, new, ingest)
    key, label = ingest.key, ingest.label
    values = [name for name in new.columns if name not in key and name in old.columns]
    both = old.join(new, on=key, how="inner", suffix=_NEW)
    differs = {name: both[name].ne_missing(both[name + _NEW]) for name in values}
    labelled = 0
    if label in differs:
        filled = both[label].is_null() & both[label + _NEW].is_not_null()
        differs[label] &= ~filled
        labelled = int(filled.sum())
    changed = {name: int(mask.sum()) for name, mask in differs.items()}
    return RowChanges(
        added=new.join(old, on=key, how="anti").height,
        removed=old.join(new, on=key, how="anti").height,
        changed={name: count for name, count in changed.items() if count},
        labelled=labelled,
    )


def _without_key(old: pl.DataFrame, new: pl.DataFrame, ingest: Ingest) -> RowChanges:
    names = [name for name in new.columns if name != ROW_NUMBER and name in old.columns]
    added, removed = _surplus(new, old, names), _surplus(old, new, names)
    unlabelled = [name for name in names if name != ingest.label]
    only_labels = not _surplus(new, old, unlabelled) and not _surplus(old, new, unlabelled)
    if only_labels and ingest.label in names:
        known = old.filter(pl.col(ingest.label).is_not_null())
        if not _surplus(known, new, names):
            return RowChanges(added=0, removed=0, changed={}, labelled=added)
    return RowChanges(added=added, removed=removed, changed={}, labelled=0)


def _surplus(rows: pl.DataFrame, others: pl.DataFrame, names: list[str]) -> int:
    """Return the number of rows that others lack, each counted as often as it is there."""
    counts = (
        rows.group_by(names)
        .len()
        .join(others.group_by(names).len("others"), on=names, how="left", nulls_equal=True)
    )
    missing = counts["len"].cast(pl.Int64) - counts["others"].fill_null(0).cast(pl.Int64)
    return int(missing.clip(lower_bound=0).sum())
