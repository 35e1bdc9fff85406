"""Computes the features of rows written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airworthy.errors import TerminalError
from airworthy.spec.loading import SPEC_FILE, load_spec
from airworthy.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import polars as pl


class RowError(TerminalError):
    """A row written by hand cannot be used; nothing was computed."""

    consequence = ""


def feature_values(folder: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each feature for one row, for the pytest functions beside a model.

    >>> feature_values(Path("include/models/delivery_eta"), {"stops": 3})["stops"]
    3

    Args:
        folder: The model's folder, such as ``Path(__file__).parent``.
        row: Column -> value, as a request has it; a missing column has a missing value. A time is
            a `datetime` or ISO 8601; without a zone it is UTC.

    Raises:
        SpecError: when the ``model.yaml`` is missing or broken.
        TerminalError: when a column is not declared or has a value of another type, or when
            ``features.py`` cannot be used.
    """
    spec = load_spec(folder / SPEC_FILE)
    return compute_features(folder, spec, [row])[0]


def compute_features(
    folder: Path, spec: ModelSpec, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the features of each row; see `feature_values`.

    Args:
        folder: The model's folder.
        spec: The model's spec.
        rows: One mapping of column -> value per row.
    """
    import polars as pl

    from airworthy.features import load_expressions

    expressions = load_expressions(folder / "features.py", spec.model)
    named = [expression.alias(name) for name, expression in expressions.items()]
    try:
        return _frame(spec, rows).select(named).to_dicts()
    except pl.exceptions.PolarsError as error:
        raise RowError(
            "the features cannot be computed for these rows",
            received=str(error).splitlines()[0],
            allowed="expressions over the declared columns, in their types",
        ) from error


def _frame(spec: ModelSpec, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    import polars as pl

    from airworthy.features import polars_schema

    undeclared = sorted({name for row in rows for name in row} - set(spec.inputs))
    if undeclared:
        raise RowError(
            "a row has a column that a prediction does not have",
            received=", ".join(undeclared),
            allowed=", ".join(spec.inputs),
        )
    columns = []
    for name, kind in polars_schema(spec.inputs).items():
        values = [row.get(name) for row in rows]
        try:
            if spec.inputs[name] == "datetime":
                values = [None if value is None else _time(value) for value in values]
            columns.append(pl.Series(name, values, dtype=kind))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            raise RowError(
                f"column {name!r} has a value of another type",
                received=str(error).splitlines()[0],
                allowed=spec.inputs[name],
            ) from error
    return pl.DataFrame(columns)


def _time(value: object) -> datetime:
    time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
