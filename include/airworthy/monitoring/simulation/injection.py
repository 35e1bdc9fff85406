"""Changes of the world, put into real rows: what the monitor has to notice. Pure, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.monitoring.bins import NUMBERS
from airworthy.spec import ModelSpec

Change = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]

_SHIFT, _WIDER, _SHARE, _UNIT, _OFTEN = 0.3, 1.3, 0.08, 1000.0, 3.0


@dataclass(frozen=True)
class Injection:
    """One kind of change: its name, what it does in words, and how; what it is done to is part of the words."""

    name: str
    words: str
    change: Change


def injections(
    spec: ModelSpec, importance: Mapping[str, float], rows: pl.DataFrame
) -> list[Injection]:
    """Return every kind of change for a model, done to the columns that it listens to most.

    Args:
        spec: The model's.
        importance: Input column -> share of the champion's gain.
        rows: Rows as they are without a change: what is normal is taken from them.
    """
    by_weight = sorted(spec.inputs, key=lambda name: -importance.get(name, 0.0))
    number = next(name for name in by_weight if spec.inputs[name] in NUMBERS)
    category = next(name for name in by_weight if spec.inputs[name] in ("category", "string"))
    mean, deviation = _moments(rows[number])
    return [
        Injection(
            "mean shift",
            f"{number} + {_SHIFT:g} standard deviations",
            _plus(number, _SHIFT * deviation),
        ),
        Injection(
            "variance change", f"{number} x {_WIDER:g} around its mean", _wider(number, mean)
        ),
        Injection(
            "new category", f"{_SHARE:.0%} of {category} are a new one", _new_category(category)
        ),
        Injection("missing values", f"{_SHARE:.0%} of {number} are missing", _missing(number)),
        Injection("unit change", f"{number} x {_UNIT:g}", _times(number)),
        Injection(
            "label shift", "rows with great labels come three times as often", _label_shift(spec)
        ),
        Injection(
            "concept drift",
            f"same inputs; labels differ where {number} is great",
            _new_relation(spec, number),
        ),
    ]


def ignored_drift(
    spec: ModelSpec, importance: Mapping[str, float], rows: pl.DataFrame
) -> Injection | None:
    """Return a great change of the number that the champion ignores most; None when it ignores none."""
    least = spec.monitor.drift.min_importance
    ignored = [
        name
        for name, kind in spec.inputs.items()
        if kind in NUMBERS and importance.get(name, 0.0) < least
    ]
    if not ignored:
        return None
    name = min(ignored, key=lambda each: importance.get(each, 0.0))
    change = _plus(name, 2 * _moments(rows[name])[1])
    return Injection(
        "ignored input",
        f"{name} + 2 standard deviations, {importance.get(name, 0.0):.1%} of gain",
        change,
    )


def _moments(column: pl.Series) -> tuple[float, float]:
    values = column.cast(pl.Float64).drop_nulls().to_numpy()
    return float(values.mean()), float(values.std())


def _put(rows: pl.DataFrame, name: str, values: pl.Expr) -> pl.DataFrame:
    """Replace a column, in the type that it has."""
    kind = rows.schema[name]
    return rows.with_columns(
        (values.round() if kind == pl.Int64 else values).cast(kind).alias(name)
    )


def _plus(name: str, amount: float) -> Change:
    return lambda rows, _: _put(rows, name, pl.col(name) + amount)


def _wider(name: str, mean: float) -> Change:
    return lambda rows, _: _put(rows, name, mean + (pl.col(name) - mean) * _WIDER)


def _times(name: str) -> Change:
    return lambda rows, _: _put(rows, name, pl.col(name) * _UNIT)


def _new_category(name: str) -> Change:
    return lambda rows, chance: _some(rows, chance, name, pl.lit("never seen before"))


def _missing(name: str) -> Change:
    return lambda rows, chance: _some(rows, chance, name, pl.lit(None))


def _some(
    rows: pl.DataFrame, chance: np.random.Generator, name: str, value: pl.Expr
) -> pl.DataFrame:
    hit = pl.Series(chance.random(rows.height) < _SHARE)
    return rows.with_columns(
        pl.when(hit).then(value.cast(rows.schema[name])).otherwise(pl.col(name)).alias(name)
    )


def _label_shift(spec: ModelSpec) -> Change:
    """Draw rows anew, those with the upper half of labels (or not of the first class) three times as often."""

    def change(rows: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
        weights = np.where(_upper(rows[spec.ingest.label]), _OFTEN, 1.0)
        return rows[np.sort(chance.choice(rows.height, rows.height, p=weights / weights.sum()))]

    return change


def _upper(label: pl.Series) -> Array:
    if label.dtype == pl.String:
        return np.asarray((label != label.sort()[0]).to_numpy())
    numbers: Array = label.cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.asarray(numbers > (np.median(numbers) if label.dtype.is_float() else 0.5))


def _new_relation(spec: ModelSpec, name: str) -> Change:
    """Where an input is in its upper half, a number grows by a quarter, and a class becomes another for one in four."""
    label = spec.ingest.label

    def change(rows: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
        upper = (pl.col(name) > pl.col(name).median()).fill_null(value=False)
        if spec.task == "regression":
            return _put(
                rows, label, pl.when(upper).then(pl.col(label) * 1.25).otherwise(pl.col(label))
            )
        if spec.task == "multiclass":
            other = rows[label].gather(chance.permutation(rows.height))
        else:
            other = ~rows[label].cast(pl.Boolean)
        swapped = upper & pl.Series(chance.random(rows.height) < 0.25)
        return rows.with_columns(
            pl.when(swapped)
            .then(other.cast(rows.schema[label]))
            .otherwise(pl.col(label))
            .alias(label)
        )

    return change
