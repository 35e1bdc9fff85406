"""The profile of a column: its type in a spec, its values in this type, and what was noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from airworthy.features import POLARS_TYPES
from airworthy.lake.amounts import Amounts, find_amounts, find_blanks
from airworthy.lake.casting import BLANKS, blanks_to_null, cast_column
from airworthy.proposal.cell_texts import (
    NEARLY_ALL,
    NULL_WORDS,
    are_booleans,
    are_codes,
    are_whole,
    as_numbers,
    null_words,
    stripped,
)
from airworthy.proposal.time_columns import as_times, guess_format, several_formats
from airworthy.spec.fields import ColumnType

MAX_LEVELS = 200
_MAX_LEVEL_SHARE = 0.2
_CODES = "whole numbers that are codes"


@dataclass(frozen=True)
class ColumnProfile:
    """One column of the source.

    Attributes:
        source: The name in the source.
        name: The name for the spec.
        kind: The type for the spec.
        values: The sample's values in this type; a time is in UTC.
        problem: Why the column is of no use as an input; empty: it is of use.
        note: What was noticed, for a comment; empty: nothing.
        null_words: The words for a missing value.
        time_format: The format of a column of times, as in the spec; None: no times.
        amounts: How its texts become numbers; None: they are none, or need nothing.
    """

    source: str
    name: str
    kind: ColumnType
    values: pl.Series
    problem: str = ""
    note: str = ""
    null_words: tuple[str, ...] = ()
    time_format: str | None = None
    amounts: Amounts | None = None

    @property
    def present(self) -> pl.Series:
        """The values that are not missing."""
        return self.values.drop_nulls()

    @property
    def distinct(self) -> int:
        """The number of different values, without the missing one."""
        return self.present.n_unique()

    @property
    def null_share(self) -> float:
        """The share of missing values."""
        return self.values.null_count() / max(1, len(self.values))


def profile_column(
    raw: pl.Series,
    name: str,
    decimal: str = ".",
    time_format: str | None = None,
    problem: str = "",
) -> ColumnProfile:
    """Look at one column of a sample.

    Args:
        raw: Its cells; texts for CSV files.
        name: Its name for the spec.
        decimal: The decimal mark of numbers in texts.
        time_format: The format of times that the user named; None: it is guessed.
        problem: Why the source cannot give this column; empty: it can.
    """
    kind = raw.dtype
    if problem:
        return ColumnProfile(raw.name, name, "string", _texts(raw), problem=problem)
    if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration, pl.Time):
        words = f"its cells are of type {str(kind).split('(')[0]}, which no model reads"
        return ColumnProfile(raw.name, name, "string", _texts(raw), problem=words)
    if raw.null_count() == len(raw):
        return ColumnProfile(raw.name, name, "string", _texts(raw), problem="it has no value")
    if kind in (pl.Categorical, pl.Enum):
        raw = raw.cast(pl.String)
    if raw.dtype == pl.String:
        return _with_use(_of_texts(raw, name, decimal, time_format))
    return _with_use(_of_values(raw, name, time_format))


def _texts(raw: pl.Series) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=pl.String)


def _of_values(raw: pl.Series, name: str, time_format: str | None) -> ColumnProfile:
    kind = raw.dtype
    if kind.is_temporal():
        times = as_times(raw, "iso")
        return ColumnProfile(raw.name, name, "datetime", times, time_format="iso")
    if kind == pl.Boolean:
        return ColumnProfile(raw.name, name, "bool", raw)
    epoch = guess_format(raw) if kind.is_integer() else None
    if epoch is not None:
        form = time_format or epoch
        times = as_times(raw, form)
        return ColumnProfile(raw.name, name, "datetime", times, time_format=form)
    if kind.is_integer():
        if are_codes(raw.cast(pl.String)):
            return ColumnProfile(raw.name, name, "category", raw.cast(pl.String), note=_CODES)
        return ColumnProfile(raw.name, name, "int", raw.cast(pl.Int64))
    numbers = raw.cast(pl.Float64).fill_nan(None)
    if _are_whole_and_different(numbers):
        # Excel keeps every number as a float: this one may identify a row.
        return ColumnProfile(raw.name, name, "int", numbers.cast(pl.Int64))
    finite = numbers.set(~numbers.is_finite(), None)
    infinite = int(numbers.is_infinite().sum())
    note = f"{infinite} of {len(raw)} are infinite, and these rows go to quarantine"
    return ColumnProfile(raw.name, name, "float", finite, note=note if infinite else "")


def _are_whole_and_different(numbers: pl.Series) -> bool:
    whole = (numbers % 1 == 0) & (numbers.abs() < 2**53)
    return numbers.null_count() == 0 and bool(whole.all()) and numbers.n_unique() == len(numbers)


def _of_texts(raw: pl.Series, name: str, decimal: str, form: str | None) -> ColumnProfile:
    texts = stripped(raw)
    words = null_words(texts, decimal)
    cells = texts.set(texts.is_in([*words, *BLANKS]), None)
    present = cells.drop_nulls()

    def profile(kind: ColumnType, values: pl.Series, note: str = "") -> ColumnProfile:
        return ColumnProfile(raw.name, name, kind, values, note=note, null_words=tuple(words))

    if present.is_empty():
        return ColumnProfile(raw.name, name, "string", cells, "it has no value")
    guessed = form if form and _reads(present, form) else guess_format(cells)
    if guessed is not None:
        times = as_times(cells, guessed)
        return ColumnProfile(
            raw.name, name, "datetime", times, null_words=tuple(words), time_format=guessed
        )
    numbers = as_numbers(cells, decimal)
    readable = (len(numbers) - numbers.null_count()) / len(present)
    if readable == 1 and are_whole(present):
        if are_codes(present):
            return profile("category", cells, _CODES)
        return profile("int", cells.cast(pl.Int64))
    amounts = find_amounts(cells, decimal, NEARLY_ALL if readable < NEARLY_ALL else 1.0)
    if amounts is not None and not are_codes(amounts.numbers(present)):
        return _of_amounts(profile, cells, amounts, decimal)
    if readable >= NEARLY_ALL:
        bad = present.filter(as_numbers(present, decimal).is_null())
        note = "" if bad.is_empty() else f"no number in {1 - readable:.1%}, such as {bad[0]!r}"
        return profile("float", numbers, note)
    if are_booleans(present):
        return profile("bool", cast_column(cells, "bool"))
    kept = tuple(word for word in words if word in NULL_WORDS)
    levels = texts.set(texts.is_in([*kept, *BLANKS]), None)
    blanks = find_blanks(raw)
    return ColumnProfile(raw.name, name, "category", levels, null_words=kept, amounts=blanks)


def _of_amounts(
    profile: Callable[..., ColumnProfile], cells: pl.Series, amounts: Amounts, decimal: str
) -> ColumnProfile:
    plain = amounts.numbers(cells)
    numbers = as_numbers(plain, decimal)
    note = f"such as {amounts.example!r}"
    if are_whole(plain.drop_nulls()):
        found = profile("int", plain.cast(pl.Int64), note)
    else:
        found = profile("float", numbers, note)
    return replace(found, amounts=amounts)


def _reads(present: pl.Series, form: str) -> bool:
    return bool(as_times(present, form).is_not_null().mean() >= NEARLY_ALL)  # type: ignore[operator]


def _with_use(profile: ColumnProfile) -> ColumnProfile:
    """Return the profile with the reason why the column is of no use alone, if there is one."""
    present = profile.present
    if profile.distinct == 1 and (profile.null_share == 0 or profile.kind != "category"):
        return _left_out(profile, f"it has one value: {present[0]}")
    if profile.kind != "category":
        return profile
    most = max(20, _MAX_LEVEL_SHARE * len(present))
    formats = several_formats(present)
    if formats:
        return _left_out(
            profile, f"times of several formats: {' or '.join(formats)}; --time-format"
        )
    if profile.distinct <= min(MAX_LEVELS, most):
        return profile
    count = f"{profile.distinct:,} values in {len(profile.values):,} rows"
    kind = "numbers of several forms" if _are_digits(present) else "free text or an id"
    return _left_out(profile, f"{kind}: {count}, such as {_shorten(present[0])!r}")


def _are_digits(present: pl.Series) -> bool:
    return bool(present.str.contains(r"^\D{0,4}\d[\d.,' ]*\D{0,4}$").mean() >= NEARLY_ALL)  # type: ignore[operator]


def _left_out(profile: ColumnProfile, problem: str) -> ColumnProfile:
    return replace(profile, problem=problem)


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def conformed(profiles: list[ColumnProfile]) -> pl.DataFrame:
    """Return the sample's rows in the columns and types of the spec."""
    columns = [
        blanks_to_null(each.values.cast(POLARS_TYPES[each.kind], strict=False), each.kind).alias(
            each.name
        )
        for each in profiles
    ]
    return pl.DataFrame(columns)
