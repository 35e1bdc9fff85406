"""Changes of rows for the simulation. Pure, and deterministic for a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from airworthy.arrays import Array
from airworthy.monitoring.bins import NUMBERS
from airworthy.spec import ModelSpec

Change = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]

_SHIFT = 0.3  # standard deviations
_SPREAD = 1.3
_SHARE = 0.08  # of the rows
_UNIT = 1000.0
_WEIGHT = 3.0
_GROWTH = 1.25
_SWAPPED_SHARE = 0.25


@dataclass(frozen=True)
class Injection:
    """One kind of change: its name, a description with its column in words, and its function."""

    name: str
    words: str
    change: Change


def injections(
    spec: ModelSpec, importance: Mapping[str, float], rows: pl.DataFrame
) -> list[Injection]:
    """Return the kinds of change that a model's inputs allow. Its most important columns change.

    Args:
        spec: The model's spec.
        importance: Input column -> share of the champion's gain.
        rows: Unchanged rows. They give means and standard deviations.
    """
    by_importance = sorted(spec.inputs, key=lambda name: -importance.get(name, 0.0))
    numbers = [name for name in by_importance if spec.inputs[name] in NUMBERS]
    categories = [name for name in by_importance if spec.inputs[name] in ("category", "string")]
    column = [*numbers, *categories, *by_importance][0]
    changes = _changes_of_number(spec, numbers[0], rows) if numbers else []
    if categories:
        words = f"{_SHARE:.0%} of {categories[0]} are a new one"
        changes.append(Injection("new category", words, _new_category(categories[0])))
    return [
        *changes,
        Injection("missing values", f"{_SHARE:.0%} of {column} are missing", _missing(column)),
        Injection(
            "label shift", "rows with great labels come three times as often", _label_shift(spec)
        ),
    ]


def _changes_of_number(spec: ModelSpec, number: str, rows: pl.DataFrame) -> list[Injection]:
    mean, deviation = _mean_and_deviation(rows[number])
    shift = f"{number} + {_SHIFT:g} standard deviations"
    spread = f"{number} x {_SPREAD:g} around its mean"
    concept = f"same inputs; labels differ where {number} is great"
    return [
        Injection("mean shift", shift, _add(number, _SHIFT * deviation)),
        Injection("variance change", spread, _spread(number, mean)),
        Injection("unit change", f"{number} x {_UNIT:g}", _multiply(number)),
        Injection("concept drift", concept, _concept_drift(spec, number)),
    ]


def ignored_drift(
    spec: ModelSpec, importance: Mapping[str, float], rows: pl.DataFrame
) -> Injection | None:
    """Return a large change of the least important number; None if all numbers have importance.

    Args:
        spec: The model's spec, with the least importance that counts.
        importance: Input column -> share of the champion's gain.
        rows: Unchanged rows.
    """
    unimportant = [
        name
        for name, input_type in spec.inputs.items()
        if input_type in NUMBERS and importance.get(name, 0.0) < spec.monitor.drift.min_importance
    ]
    if not unimportant:
        return None
    name = min(unimportant, key=lambda each: importance.get(each, 0.0))
    _, deviation = _mean_and_deviation(rows[name])
    words = f"{name} + 2 standard deviations, {importance.get(name, 0.0):.1%} of gain"
    return Injection("ignored input", words, _add(name, 2 * deviation))


def _mean_and_deviation(column: pl.Series) -> tuple[float, float]:
    values = column.cast(pl.Float64).drop_nulls().to_numpy()
    return float(values.mean()), float(values.std())


def _replace(rows: pl.DataFrame, name: str, values: pl.Expr) -> pl.DataFrame:
    """Replace a column and keep its type."""
    dtype = rows.schema[name]
    rounded = values.round() if dtype == pl.Int64 else values
    return rows.with_columns(rounded.cast(dtype).alias(name))


def _add(name: str, amount: float) -> Change:
    return lambda rows, _: _replace(rows, name, pl.col(name) + amount)


def _spread(name: str, mean: float) -> Change:
    return lambda rows, _: _replace(rows, name, mean + (pl.col(name) - mean) * _SPREAD)


def _multiply(name: str) -> Change:
    return lambda rows, _: _replace(rows, name, pl.col(name) * _UNIT)


def _new_category(name: str) -> Change:
    return lambda rows, generator: _replace_some(rows, generator, name, pl.lit("never seen before"))


def _missing(name: str) -> Change:
    return lambda rows, generator: _replace_some(rows, generator, name, pl.lit(None))


def _replace_some(
    rows: pl.DataFrame, generator: np.random.Generator, name: str, value: pl.Expr
) -> pl.DataFrame:
    replaced = pl.Series(generator.random(rows.height) < _SHARE)
    values = pl.when(replaced).then(value.cast(rows.schema[name])).otherwise(pl.col(name))
    return rows.with_columns(values.alias(name))


def _label_shift(spec: ModelSpec) -> Change:
    """Return a change that resamples rows.

    Rows with the upper half of the labels, or not of the first class, are three times as frequent.
    """

    def change(rows: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
        weights = np.where(_upper_half(rows[spec.ingest.label]), _WEIGHT, 1.0)
        drawn = generator.choice(rows.height, rows.height, p=weights / weights.sum())
        return rows[np.sort(drawn)]

    return change


def _upper_half(label: pl.Series) -> Array:
    if label.dtype == pl.String:
        return np.asarray((label != label.sort()[0]).to_numpy())
    numbers: Array = label.cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.asarray(numbers > (np.median(numbers) if label.dtype.is_float() else 0.5))


def _concept_drift(spec: ModelSpec, name: str) -> Change:
    """Return a change of the labels of the rows in the upper half of an input.

    Numbers grow by a quarter. One class in four becomes another class.
    """
    label = spec.ingest.label

    def change(rows: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
        upper = (pl.col(name) > pl.col(name).median()).fill_null(value=False)
        if spec.task == "regression":
            grown = pl.when(upper).then(pl.col(label) * _GROWTH).otherwise(pl.col(label))
            return _replace(rows, label, grown)
        if spec.task == "multiclass":
            other = rows[label].gather(generator.permutation(rows.height))
        else:
            other = ~rows[label].cast(pl.Boolean)
        swapped = upper & pl.Series(generator.random(rows.height) < _SWAPPED_SHARE)
        values = pl.when(swapped).then(other.cast(rows.schema[label])).otherwise(pl.col(label))
        return rows.with_columns(values.alias(label))

    return change
