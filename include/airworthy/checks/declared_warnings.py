"""Warnings that follow from the spec, ``behaviour.py`` and the environment, without any row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from airworthy.checks.spec_warning import SpecWarning
from airworthy.environment import Environment
from airworthy.spec.loading import SPEC_FILE
from airworthy.spec.model_spec import ModelSpec

_SCHEMA_ONLY = frozenset(
    {
        "expect_column_to_exist",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_in_type_list",
        "expect_table_columns_to_match_set",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_column_count_to_equal",
        "expect_table_column_count_to_be_between",
    }
)
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


def declared_warnings(path: Path, spec: ModelSpec) -> list[SpecWarning]:
    """Return the warnings about the parts of a spec and the ``behaviour.py`` beside it."""
    file = str(path)
    return [
        *_expectation_warnings(file, spec),
        *_slice_warnings(file, spec),
        *(_behaviour_warnings(path, spec) if path.name == SPEC_FILE else ()),
        *_search_warnings(file, spec),
        *_monitor_warnings(file, spec),
    ]


def owner_warnings(file: str, spec: ModelSpec, environment: Environment) -> Iterator[SpecWarning]:
    """Find an owner whom no alert reaches.

    Args:
        file: The spec's file.
        spec: The model's spec.
        environment: Gives the alert channels.
    """
    from airworthy.alerts.routing import channels_for

    if _ADDRESS.fullmatch(spec.owner):
        return
    if any(
        channels_for(kind, spec.model, spec.alerts, environment.alerts)
        for kind in spec.alerts.kinds
    ):
        return
    yield SpecWarning(
        file,
        "owner",
        f"nobody is reached: {spec.owner!r} is no e-mail address, and the environment "
        f"{environment.name} has no alert channel for this model",
        "give an e-mail address as owner, or add a channel under alerts in "
        f"include/environments/{environment.name}.yaml",
    )


def _expectation_warnings(file: str, spec: ModelSpec) -> Iterator[SpecWarning]:
    types = [expectation.type for expectation in spec.validate_.expectations]
    if set(types) <= _SCHEMA_ONLY:
        yield SpecWarning(
            file,
            "validate.expectations",
            "no expectation goes beyond the schema, so any value is good enough to train on",
            "add one for each column that matters, such as {type: "
            "expect_column_values_to_be_between, column: ..., min_value: ..., max_value: ...}",
        )


def _slice_warnings(file: str, spec: ModelSpec) -> Iterator[SpecWarning]:
    if not spec.evaluate.slices:
        yield SpecWarning(
            file,
            "evaluate.slices",
            "there is no slice, so a model that fails one group of rows is not noticed",
            "name a column, or {column: ..., bins: [...]}",
        )


def _behaviour_warnings(path: Path, spec: ModelSpec) -> Iterator[SpecWarning]:
    from airworthy.behaviour import BEHAVIOUR_FILE, load_behaviour

    if not load_behaviour(path.parent, spec.model).tests:
        yield SpecWarning(
            str(path.with_name(BEHAVIOUR_FILE)),
            "BEHAVIOUR",
            "there is no behavioural test, so only averages are checked",
            "write a rule that every version must keep: a Direction, an Invariance or a "
            "MinimumFunctionality",
        )


def _search_warnings(file: str, spec: ModelSpec) -> Iterator[SpecWarning]:
    search = spec.train.search
    if search is None:
        return
    next_step = "give ranges to search and enough trials, or remove train.search"
    if not search.space:
        problem = "the search has no range, so every trial is the same"
        yield SpecWarning(file, "train.search.space", problem, next_step)
    elif search.trials <= len(search.space):
        problem = f"{search.trials} trials do not search a space of {len(search.space)} parameters"
        yield SpecWarning(file, "train.search.trials", problem, next_step)


def _monitor_warnings(file: str, spec: ModelSpec) -> Iterator[SpecWarning]:
    """Find a model with a clock or an asset of its own, and no clock for its monitor."""
    by_itself = spec.schedule or spec.ingest.asset or (spec.score and spec.score.schedule)
    if by_itself and spec.monitor.schedule is None:
        yield SpecWarning(
            file,
            "monitor.schedule",
            "the model runs by itself and nothing watches its live rows",
            'give the monitor a schedule, such as "@hourly"',
        )
