"""Evidently's page of a live window beside its reference, drawn from a bounded sample, and its scores of the sample.

Scores on all rows decide; Evidently's, of the same kinds, are kept beside them to be compared.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from airworthy.monitoring.bins import NUMBERS
from airworthy.monitoring.live_rows import Production
from airworthy.monitoring.spans import Span
from airworthy.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("airworthy.monitor")

MOST_ROWS = 5_000
# Evidently reports usage to its makers unless told otherwise.
os.environ.setdefault("DO_NOT_TRACK", "1")


class Drawn(NamedTuple):
    """Where the page is (None: it could not be drawn), and Evidently's score of each column."""

    page: Path | None
    scores: dict[str, float]


def sample(rows: Production, spans: Sequence[Span], columns: Sequence[str]) -> pl.DataFrame:
    """Return at most `MOST_ROWS` rows of some spans, every so many of each."""
    parts = []
    for span in spans:
        found = rows.scan(span).select(columns)
        count = int(found.select(pl.len()).collect().item())
        step = max(1, -(-count * len(spans) // MOST_ROWS))
        parts.append(found.gather_every(step).collect())
    return pl.concat(parts)


def draw(spec: ModelSpec, live: pl.DataFrame, reference: pl.DataFrame, page: Path) -> Drawn:
    """Let Evidently compare two samples and write its page.

    Args:
        spec: Its inputs and thresholds.
        live: Rows of the live window, with the spec's inputs.
        reference: Rows of the reference.
        page: Where to write.

    Returns:
        Nothing but an empty result when Evidently cannot: a picture is no reason to fail a check.
    """
    watched = [
        name
        for name, kind in spec.inputs.items()
        if kind != "datetime" and _filled(name, live, reference)
    ]
    numbers = [name for name in watched if spec.inputs[name] in NUMBERS]
    others = [name for name in watched if name not in numbers]
    if not watched:
        return Drawn(None, {})
    try:
        snapshot = _compare(
            spec, _as_pandas(live, numbers, others), _as_pandas(reference, numbers, others)
        )
        page.parent.mkdir(parents=True, exist_ok=True)
        snapshot.save_html(str(page))
        return Drawn(page, _scores(snapshot.dict()))
    except Exception as error:
        log.warning("Evidently could not draw %s: %s: %s", page, type(error).__name__, error)
        return Drawn(None, {})


def _filled(name: str, *samples: pl.DataFrame) -> bool:
    return all(each[name].null_count() < each.height for each in samples)


def _as_pandas(rows: pl.DataFrame, numbers: list[str], others: list[str]) -> pd.DataFrame:
    return rows.select(pl.col(numbers).cast(pl.Float64), pl.col(others).cast(pl.String)).to_pandas()


def _compare(spec: ModelSpec, live: pd.DataFrame, reference: pd.DataFrame) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    drift = spec.monitor.drift
    numbers = [name for name in live.columns if spec.inputs[name] in NUMBERS]
    definition = DataDefinition(
        numerical_columns=numbers,
        categorical_columns=[name for name in live.columns if name not in numbers],
    )
    preset = DataDriftPreset(
        num_method="wasserstein",
        num_threshold=drift.numeric.distance,
        cat_method="jensenshannon",
        cat_threshold=drift.categorical.distance,
    )
    sides = [Dataset.from_pandas(side, data_definition=definition) for side in (live, reference)]
    return Report([preset]).run(*sides)


def _scores(content: dict[str, Any]) -> dict[str, float]:
    return {
        str(metric["config"]["column"]): float(metric["value"])
        for metric in content["metrics"]
        if metric["config"].get("column") is not None
    }
