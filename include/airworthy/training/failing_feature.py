"""Finds the feature and the row behind an error of Polars, after a stage has failed by it."""

from __future__ import annotations

from datetime import date

import polars as pl

from airworthy.errors import TerminalError
from airworthy.features import load_expressions
from airworthy.handover import DatasetRef
from airworthy.job import Job
from airworthy.known_errors import plain_text
from airworthy.lake.lake import open_lake

_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_SHOWN = 60  # characters of a value


def failing_feature(job: Job, dataset: DatasetRef) -> TerminalError | None:
    """Return an error with the first feature, day and row that cannot be computed; None: all can.

    Args:
        job: The job, with the model's ``features.py``.
        dataset: The rows.

    Raises:
        TerminalError: when the ``features.py`` cannot be run.
        TransientError: when the lake cannot be reached.
    """
    path = job.folder / "features.py"
    expressions = load_expressions(path, job.spec.model)
    lake = open_lake(job.environment, job.spec.model)
    for day in sorted(dataset.partitions):
        rows = lake.read_partition(dataset, date.fromisoformat(day))
        for name, expression in expressions.items():
            fault = _fault_of(rows, expression)
            if fault is not None:
                row = rows[_first_row(rows, expression)]
                return TerminalError(
                    f"{path}: feature {name!r} cannot be computed on a row of {day}",
                    received=f"{_values(row, job, expression)}: {plain_text(fault)}",
                    allowed="an expression that takes every value of the declared columns",
                    next_step=f"edit {path}, for example cast(..., strict=False), which gives null",
                )
    return None


def _fault_of(rows: pl.DataFrame, expression: pl.Expr) -> BaseException | None:
    try:
        rows.select(expression.alias("feature"))
    except _FAULTS as error:
        return error
    return None


def _first_row(rows: pl.DataFrame, expression: pl.Expr) -> int:
    """Return the number of a row that fails; 0 when only many rows together do."""
    start, end = 0, rows.height
    while end - start > 1:
        middle = (start + end) // 2
        if _fault_of(rows[start:middle], expression) is not None:
            end = middle
        else:
            start = middle
    return start if _fault_of(rows[start:end], expression) is not None else 0


def _values(row: pl.DataFrame, job: Job, expression: pl.Expr) -> str:
    """Return the row's key and the values that the feature reads."""
    names = dict.fromkeys([*job.spec.ingest.key, *expression.meta.root_names()])
    shown = [f"{name}: {row[name][0]!r}"[:_SHOWN] for name in names if name in row.columns]
    return ", ".join(shown)
