"""Evidently draws, and agrees."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from airworthy.monitoring.bins import build_bins
from airworthy.monitoring.effects import effects
from airworthy.monitoring.evidently_report import draw_report
from airworthy.monitoring.window_summary import summarise_column
from airworthy.spec import ModelSpec

from ..stages.conftest import small_spec  # noqa: TID252 - tests are no installed package

SPEC = ModelSpec.model_validate(small_spec("drawn"))


def rows(seed: int, moved: float = 0.0) -> pl.DataFrame:
    """Return rows; `moved` shifts their numbers."""
    chance = np.random.default_rng(seed)
    shares = np.array([0.5, 0.3, 0.2]) + moved * np.array([-0.2, 0.1, 0.1])
    km = pl.Series(chance.lognormal(1 + 0.2 * moved, 0.6, 3000))
    return pl.DataFrame(
        {
            "picked_up_at": pl.Series([0] * 3000).cast(pl.Datetime("us", "UTC")),
            "city": chance.choice(["oslo", "paris", "milan"], 3000, p=shares),
            "vehicle": chance.choice(["bike", "van"], 3000),
            "weather": pl.Series([None] * 3000, dtype=pl.String),
            "distance_km": km.set(pl.Series(chance.random(3000) < 0.05), None),
            "stops": chance.poisson(2 + moved, 3000),
            "late": chance.random(3000) < 0.1,
        }
    )


@pytest.mark.parametrize("moved", [0.0, 1.0])
def test_evidently_gives_the_same_scores(moved: float) -> None:
    """On the same rows its scores are ours; a column without any value is left out, and the page is
    there.
    """
    live, reference = rows(1, moved), rows(2)
    drawn = draw_report(SPEC, live, reference)
    assert drawn.page is not None
    assert "<html" in drawn.page[:1000]
    assert set(drawn.scores) == {"city", "vehicle", "distance_km", "stops", "late"}
    bins = build_bins(reference, SPEC.inputs).columns
    for name, score in drawn.scores.items():
        ours = effects(
            summarise_column(live[name], bins[name]),
            summarise_column(reference[name], bins[name]),
            bins[name],
        )
        assert ours["distance"].size == pytest.approx(score, abs=0.01)


def test_what_cannot_be_drawn_fails_nothing() -> None:
    """A page is no reason to lose a check: without one the check goes on."""
    words = rows(1).with_columns(stops=pl.lit("many"))
    drawn = draw_report(SPEC, words, rows(2))
    assert (drawn.page, drawn.scores) == (None, {})
    nothing = rows(1).with_columns(
        pl.lit(None, kind).alias(name) for name, kind in rows(1).schema.items()
    )
    assert draw_report(SPEC, nothing, nothing).page is None
