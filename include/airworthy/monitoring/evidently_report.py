"""Evidently's report on a live window and its reference, with scores, from a bounded sample.

Decisions rest on our own scores of all rows. Evidently's scores are of the same kinds and are kept
for comparison.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from airworthy.monitoring.bins import NUMBERS
from airworthy.monitoring.live_rows import LiveRows
from airworthy.monitoring.spans import Span
from airworthy.sandboxed_page import sandboxed_page
from airworthy.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("airworthy.monitor")

MAX_ROWS = 5_000
# Evidently sends usage data to its makers by default.
os.environ.setdefault("DO_NOT_TRACK", "1")


class EvidentlyReport(NamedTuple):
    """The page of a report as HTML (None without one), and Evidently's score of each column."""

    page: str | None
    scores: dict[str, float]


def sample_spans(rows: LiveRows, spans: Sequence[Span], columns: Sequence[str]) -> pl.DataFrame:
    """Return at most about `MAX_ROWS` rows of some spans: every nth row of each.

    Args:
        rows: The source of the rows.
        spans: At least one span.
        columns: Columns of the sample.
    """
    parts = []
    for span in spans:
        selected = rows.scan(span).select(columns)
        count = int(selected.select(pl.len()).collect().item())
        step = max(1, -(-count * len(spans) // MAX_ROWS))
        parts.append(selected.gather_every(step).collect())
    return pl.concat(parts)


def draw_report(spec: ModelSpec, live: pl.DataFrame, reference: pl.DataFrame) -> EvidentlyReport:
    """Compare two samples with Evidently and draw its page.

    Args:
        spec: Gives the inputs and thresholds.
        live: Sample of the live window, with the spec's inputs.
        reference: Sample of the reference.

    Returns:
        An empty report if Evidently fails: a missing page must not fail a check.
    """
    columns = [
        name
        for name, type_ in spec.inputs.items()
        if type_ != "datetime" and _has_values(name, live, reference)
    ]
    if not columns:
        return EvidentlyReport(None, {})
    try:
        snapshot = _compare(
            spec, _as_pandas(spec, live, columns), _as_pandas(spec, reference, columns)
        )
        page = sandboxed_page("Evidently", snapshot.get_html_str(as_iframe=False), scripts=True)
        return EvidentlyReport(page, _scores(snapshot.dict()))
    except Exception as error:
        log.warning("Evidently could not draw its page: %s: %s", type(error).__name__, error)
        return EvidentlyReport(None, {})


def _has_values(name: str, *samples: pl.DataFrame) -> bool:
    return all(sample[name].null_count() < sample.height for sample in samples)


def _as_pandas(spec: ModelSpec, rows: pl.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the numeric columns as floats, then the others as texts that are escaped for HTML."""
    numeric = [name for name in columns if spec.inputs[name] in NUMBERS]
    others = [name for name in columns if spec.inputs[name] not in NUMBERS]
    return rows.select(
        pl.col(numeric).cast(pl.Float64),
        pl.col(others).cast(pl.String).map_elements(escape, return_dtype=pl.String),
    ).to_pandas()


def _compare(spec: ModelSpec, live: pd.DataFrame, reference: pd.DataFrame) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    rules = spec.monitor.drift
    numeric = [name for name in live.columns if spec.inputs[name] in NUMBERS]
    definition = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=[name for name in live.columns if name not in numeric],
    )
    preset = DataDriftPreset(
        num_method="wasserstein",
        num_threshold=rules.numeric.distance,
        cat_method="jensenshannon",
        cat_threshold=rules.categorical.distance,
    )
    datasets = [Dataset.from_pandas(rows, data_definition=definition) for rows in (live, reference)]
    return Report([preset]).run(*datasets)


def _scores(content: dict[str, Any]) -> dict[str, float]:
    return {
        str(metric["config"]["column"]): float(metric["value"])
        for metric in content["metrics"]
        if metric["config"].get("column") is not None
    }
