"""Proposes a model from a table of rows. Pure, but for reading the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from airworthy.proposal.column_names import doubled_names, free_name, spec_names
from airworthy.proposal.column_profile import ColumnProfile, conformed, profile_column
from airworthy.proposal.event_time import find_event_time
from airworthy.proposal.expectations import propose_expectations
from airworthy.proposal.features_text import feature_series, feature_texts, without_copies
from airworthy.proposal.groups import baseline_groups, has_groups, importance, propose_slices
from airworthy.proposal.key import find_key
from airworthy.proposal.label import Label, find_label, understand_label
from airworthy.proposal.left_out import choose_inputs
from airworthy.proposal.proposal import EventTime, LeftOut, Proposal
from airworthy.proposal.proposal_error import ProposalError
from airworthy.proposal.row_table import RowTable
from airworthy.proposal.windows import Windows, propose_windows

_MIN_ROWS = 60
_FEW = 0.05


@dataclass(frozen=True)
class Wishes:
    """The wishes of the user; None: it is guessed."""

    label: str | None = None
    event_time: str | None = None
    time_format: str | None = None
    key: tuple[str, ...] = ()
    task: str | None = None
    positive: str | None = None


def propose(name: str, table: RowTable, wishes: Wishes, today: date) -> Proposal:
    """Propose a model.

    Args:
        name: The model's name.
        table: The rows.
        wishes: What the user said.
        today: The UTC day.

    Raises:
        ProposalError: when the rows cannot be read, or no model can be proposed from them.
    """
    raw = table.sample()
    if table.rows < _MIN_ROWS:
        raise ProposalError(
            "there are too few rows to learn from",
            received=f"{table.rows} rows",
            allowed=f"at least {_MIN_ROWS}",
            next_step="give more rows",
        )
    profiles = _profiles(table, raw, wishes)
    found = find_label(profiles, wishes.label)
    others = [each for each in profiles if each is not found]
    time, notes = find_event_time(table, raw, others, wishes.event_time, today)
    if time is not None and 0 < time.column.null_share <= _FEW:
        # Rows without a time, such as a line of totals, are never kept: they say nothing of others.
        profiles = _profiles(table, raw.filter(time.column.values.is_not_null()), wishes)
        column = next(each for each in profiles if each.source == time.column.source)
        time = replace(time, column=column)
        found = find_label(profiles, wishes.label)
        others = [each for each in profiles if each is not found]
    label = understand_label(found, wishes.task, wishes.positive)
    others = [each for each in others if time is None or each.source != time.column.source]
    key = find_key(table, others, wishes.key)
    others = [each for each in others if key is None or each.source != key.source]
    inputs, left_out = choose_inputs(others, label, time)
    if not inputs and time is None:
        raise ProposalError(
            "no column is left to learn from",
            received="; ".join(f"{each.column.source}: {each.reason}" for each in left_out)
            or "the label alone",
            allowed="at least one column that is known before the label is",
            next_step="give more columns, or write the spec by hand: airworthy new-model "
            f"{name} --source files",
        )
    return _fill(_Parts(name, table, label, key, inputs, time, left_out, notes), today)


def _profiles(table: RowTable, raw: pl.DataFrame, wishes: Wishes) -> list[ColumnProfile]:
    names = spec_names(raw.columns)
    doubled = doubled_names(raw.columns)
    problems = table.nested | dict.fromkeys(doubled, "the header has this name more than once")
    return [
        profile_column(
            raw[column],
            names[column],
            table.decimal,
            wishes.time_format,
            problems.get(column, ""),
        )
        for column in raw.columns
    ]


@dataclass(frozen=True)
class _Parts:
    name: str
    table: RowTable
    label: Label
    key: ColumnProfile | None
    inputs: list[ColumnProfile]
    time: EventTime | None
    left_out: list[LeftOut]
    notes: list[str]


def _fill(parts: _Parts, today: date) -> Proposal:
    label, inputs, time = parts.label, parts.inputs, parts.time
    labelled = 1 - label.profile.null_share
    windows = None if time is None else propose_windows(time.days, labelled, today)
    sample = conformed([*([] if time is None else [time.column]), *inputs, label.profile])
    texts = feature_texts(inputs, time)
    values = feature_series(texts, sample)
    texts = without_copies(texts, values, inputs)
    groups = {name: values[name] for name in texts if has_groups(values[name])}
    by_weight = sorted(inputs, key=lambda each: -importance(each, label))
    rows_a_day = parts.table.rows if time is None else time.days.rows / time.days.days
    judged = [label.profile, *by_weight] if label.task == "regression" else by_weight
    used = [*([] if time is None else [time.column]), *inputs, label.profile]
    taken = [each.name for each in [*used, *([parts.key] if parts.key else [])]]
    return Proposal(
        name=parts.name,
        rows=parts.table.rows,
        sampled=sample.height,
        label=label,
        key=parts.key,
        inputs=inputs,
        time=time,
        time_name=time.column.name if time else free_name("event_time", taken),
        left_out=parts.left_out,
        null_words=_null_words(used),
        windows=windows,
        features=texts,
        baseline=baseline_groups(groups, label),
        slices=propose_slices(by_weight),
        expectations=propose_expectations(judged, rows_a_day, time.column.values if time else None),
        sample=sample,
        notes=[
            *parts.notes,
            *([parts.table.note] if parts.table.note else []),
            *([] if time is None or windows is None else _one_class(label, time, windows)),
        ],
    )


def _one_class(label: Label, time: EventTime, windows: Windows) -> list[str]:
    """Return a note when the newest rows, which are held out, have one class only."""
    if label.task == "regression":
        return []
    days = time.column.values.dt.date()
    newest = days > time.days.last - timedelta(days=windows.holdout)
    held = label.profile.values.filter(newest.fill_null(value=False)).drop_nulls()
    if held.n_unique() != 1:
        return []
    shown = f"{label.profile.source} is {str(held[0]).lower()} in all rows of the newest"
    return [
        f"{shown} {windows.holdout} days, which are held out: a run stops unless train.holdout is "
        "longer, or `end` is earlier"
    ]


def _null_words(columns: Sequence[ColumnProfile]) -> list[str]:
    return list(dict.fromkeys(word for each in columns for word in each.null_words))
