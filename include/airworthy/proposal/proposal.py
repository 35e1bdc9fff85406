"""The proposal: all that a model's files say, with the reason of each guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from airworthy.proposal.column_profile import ColumnProfile
from airworthy.proposal.expectations import ProposedExpectation
from airworthy.proposal.label import Label
from airworthy.proposal.row_days import RowDays
from airworthy.proposal.windows import Windows


@dataclass(frozen=True)
class LeftOut:
    """A column of the source that the model does not get, with the reason."""

    column: ColumnProfile
    reason: str


@dataclass(frozen=True)
class EventTime:
    """The column with a row's own time.

    Attributes:
        column: The column.
        days: The days with rows.
        naive: Whether its times have a time of day and no zone.
        hours: Whether rows differ in the hour.
    """

    column: ColumnProfile
    days: RowDays
    naive: bool
    hours: bool


@dataclass(frozen=True)
class Proposal:
    """A model as proposed from its rows.

    Attributes:
        name: The model's name.
        rows: The number of rows of the source.
        sampled: The number of rows that were looked at.
        label: The label.
        key: The key column; None: a row's number within the day.
        inputs: The inputs in the source's order.
        time: The event time; None: the data are static.
        time_name: The name of the event time, also of static data.
        left_out: The columns that the model does not get.
        null_words: The words for a missing value.
        windows: The lengths in time; None: the data are static.
        features: Feature name -> the source text of its expression.
        baseline: The features of the baseline.
        slices: The slices, as in the spec.
        expectations: The expectations.
        sample: The sample in the spec's columns and types.
        notes: What a person should know, one sentence each.
    """

    name: str
    rows: int
    sampled: int
    label: Label
    key: ColumnProfile | None
    inputs: list[ColumnProfile]
    time: EventTime | None
    time_name: str
    left_out: list[LeftOut]
    null_words: list[str]
    windows: Windows | None
    features: dict[str, str]
    baseline: list[str]
    slices: list[Any]
    expectations: list[ProposedExpectation]
    sample: pl.DataFrame = field(repr=False)
    notes: list[str] = field(default_factory=list)

    @property
    def time_format(self) -> str | None:
        """The format of the times; None: ISO 8601."""
        form = self.time.column.time_format if self.time else None
        return None if form in (None, "iso") else form

    @property
    def declared(self) -> list[ColumnProfile]:
        """The columns of the spec: key, inputs, label."""
        key = [] if self.key is None else [self.key]
        return [*key, *self.inputs, self.label.profile]

    @property
    def derived(self) -> dict[str, str]:
        """The spec's name -> Polars SQL over the source's column, for amounts with signs."""
        return {
            each.name: each.amounts.sql('"{}"'.format(each.source.replace('"', '""')))
            for each in self.declared
            if each.amounts is not None
        }

    @property
    def renamed(self) -> dict[str, str]:
        """The source's name -> the spec's name, where they differ and no number is derived."""
        time = [] if self.time is None else [self.time.column]
        used = [*time, *self.declared]
        return {
            each.source: each.name
            for each in used
            if each.source != each.name and each.amounts is None
        }
