"""Simulated changes: each model gets those that its inputs allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from airworthy.monitoring.simulation.injection import injections
from airworthy.spec import ModelSpec

from ..stages.conftest import small_spec  # noqa: TID252 - tests are no installed package

VALUES = [1.0, 2.0, 3.0, 4.0]
ROWS = pl.DataFrame({"km": VALUES, "city": ["a", "b", "a", "b"], "minutes": VALUES})
OF_ANY = {"missing values", "label shift"}
OF_NUMBERS = {"mean shift", "variance change", "unit change", "concept drift"}


def spec_of(**inputs: str) -> ModelSpec:
    """Return a spec with these inputs."""
    spec: dict[str, Any] = small_spec("small_model")
    spec["ingest"] |= {
        "columns": {"delivery_id": "string", "minutes": "float", **inputs},
        "event_time": "at",
    }
    spec["evaluate"] = {}
    return ModelSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("inputs", "kinds"),
    [
        ({"km": "float"}, OF_ANY | OF_NUMBERS),
        ({"city": "category"}, OF_ANY | {"new category"}),
        ({"km": "float", "city": "category"}, OF_ANY | OF_NUMBERS | {"new category"}),
    ],
)
def test_a_model_without_numbers_or_categories_gets_the_other_changes(
    inputs: dict[str, str], kinds: set[str]
) -> None:
    """Each is a change of the rows as they are, and of no column that there is not."""
    rows = ROWS.select([*inputs, "minutes"])
    changes = injections(spec_of(**inputs), {}, rows)
    assert {each.name for each in changes} == kinds
    for each in changes:
        assert each.change(rows, np.random.default_rng(1)).columns == rows.columns
