"""Warnings about a monitor that would be blind on the source's rows a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from airworthy.checks.source_sample import Sample
from airworthy.checks.spec_warning import SpecWarning
from airworthy.monitoring.window_proposal import (
    WindowProposal,
    find_blindness,
    propose_window,
)
from airworthy.spec.fields import format_duration
from airworthy.spec.model_spec import ModelSpec


def monitor_warnings(file: str, spec: ModelSpec, sample: Sample) -> Iterator[SpecWarning]:
    """Find a monitor whose signals are always inconclusive.

    There is one warning for each key at fault. The first one proposes a window that can be judged.

    Args:
        file: The spec's file.
        spec: The model's spec.
        sample: Rows of the source, with the number of rows of each day that was read.
    """
    if spec.ingest.static or not any(sample.rows_of_days):
        return
    labels = sample.rows[spec.ingest.label]
    labelled = 1 - labels.null_count() / len(labels)
    next_step = _next_step(spec, sample.rows_of_days, labelled)
    for reason in find_blindness(spec, sample.rows_of_days, labelled):
        problem = f"the monitor would be blind: {reason.words}"
        yield SpecWarning(file, reason.key, problem, next_step)
        next_step = "see above"


def _next_step(spec: ModelSpec, rows_of_days: Sequence[int], labelled: float) -> str:
    rows = fmean(rows_of_days)
    proposal = propose_window(rows, rows * labelled)
    lines = [*proposal.lines, *_train_lines(spec, proposal)]
    served = " of requests" if spec.monitor.production != "lake" else ""
    because = f"for about {rows:,.0f} rows a day{served}"
    return "\n    ".join([f"write, {because}, or ask airworthy tune-monitor {spec.model}:", *lines])


def _train_lines(spec: ModelSpec, proposal: WindowProposal) -> list[str]:
    """Return the lines of a longer holdout and lookback, when the window needs them."""
    holdout = max(spec.train.holdout, proposal.min_holdout)
    lookback = max(spec.train.lookback, proposal.min_training + holdout)
    if (holdout, lookback) == (spec.train.holdout, spec.train.lookback):
        return []
    return [
        "train:",
        f"  lookback: {format_duration(lookback)}",
        f"  holdout: {format_duration(holdout)}",
    ]
