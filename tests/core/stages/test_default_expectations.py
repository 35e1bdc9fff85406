"""A day unlike the recent days stops a training that declares no expectation, unless it is waived."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.evidence import Evidence
from airworthy.lake.dataset_records import ValidationRecord
from airworthy.lake.datasets import open_datasets
from airworthy.validation.data_docs_pages import LIST, parse_pages

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from .conftest import MakeModel, RunStages
from .test_refused_inputs import FEATURES, LAST_DAY, TRAIN, from_files

BECAUSE = "a holiday: nobody delivers"
EVALUATE = {"gates": [{"metric": "rmse", "max": 100}]}


def fifth_of_the_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return every fifth row."""
    return rows.gather_every(5)


def half_null(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with every second distance missing."""
    odd = pl.col("delivery_id") % 2 == 1
    return rows.with_columns(distance_km=pl.when(odd).then("distance_km"))


def model_with(
    tmp_path: Path, make_model: MakeModel, damage: Callable[[pl.DataFrame], pl.DataFrame]
) -> Callable[..., str]:
    """Return a function that writes a model whose last day is damaged, with a validate part.

    Args:
        tmp_path: The test's folder.
        make_model: Writes the model.
        damage: Changes the rows of the last day.
    """
    ingest = from_files(tmp_path, pl.Series(range(50)))
    path = tmp_path / "models" / "small_model" / "data" / f"{LAST_DAY}.csv"
    damage(pl.read_csv(path)).write_csv(path)

    def make(**validate: Any) -> str:
        return make_model(
            features=FEATURES, ingest=ingest, train=TRAIN, evaluate=EVALUATE, validate=validate
        )

    return make


@pytest.mark.parametrize(
    ("rule", "damage", "words"),
    [
        ("row_count", fifth_of_the_rows, "10 rows, at least 13 expected, 50 are usual"),
        ("nulls", half_null, "50.0% null (25 of 50 rows), at most 25.0% expected"),
    ],
)
def test_a_day_unlike_the_recent_days_stops_the_run_unless_it_is_waived(
    tmp_path: Path,
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    rule: str,
    damage: Callable[[pl.DataFrame], pl.DataFrame],
    words: str,
) -> None:
    """The error has day, figure, recent figure and the way out; the day has a page; the waiver is on
    record.
    """
    make = model_with(tmp_path, make_model, damage)
    with pytest.raises(TerminalError, match="1 critical check") as caught:
        run_stages(make(), last="validate")
    message = str(caught.value)
    way_out = f"validate.waive: [{{expectation: {rule}, days: [{LAST_DAY}], because: ...}}]"
    assert [text for text in (f"on {LAST_DAY}", words, way_out) if text not in message] == []
    evidence = Evidence(environment.beside_lake("small_model", "evidence"), "test-run")
    docs = parse_pages(evidence.read(evidence.address(LIST)) or b"[]")
    assert [(page.day, page.success) for page in docs] == [(str(LAST_DAY), False)]
    waiver = {"expectation": rule, "days": [str(LAST_DAY)], "because": BECAUSE}
    result = run_stages(make(waive=[waiver]), last="validate", run_id="waived")["validation"]
    assert result["success"] is True
    [waived] = [check for check in result["checks"] if not check["success"]]
    assert (waived["rule"], waived["waived"]) == (rule, BECAUSE)
    assert waived["failed_partitions"] == [str(LAST_DAY)]
    _, record = open_datasets(environment, "small_model").events(ValidationRecord)[-1]
    assert record.waivers == [f"validate {rule} on {LAST_DAY}: {BECAUSE}"]
    model = make(waive=[{**waiver, "days": ["2026-03-18"]}])
    with pytest.raises(TerminalError):
        run_stages(model, last="validate", run_id="another-day")


def test_an_expectation_of_the_spec_replaces_the_default_one(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A spec that says how many rows a day has is not held against recent days."""
    make = model_with(tmp_path, make_model, fifth_of_the_rows)
    own = {"type": "expect_table_row_count_to_be_between", "min_value": 5}
    checks = run_stages(make(expectations=[own]), last="validate")["validation"]["checks"]
    assert [check["check"] for check in checks].count(own["type"]) == 1
    assert [check for check in checks if not check["success"]] == []


def test_the_champion_s_own_data_warn_of_no_shift(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Weather comes in spells, so the newest days have another mix: that is no shift of a column."""
    model = make_model(
        train={"lookback": "21d", "holdout": "3d", "rounds": 10}, monitor={"min_rows": 100}
    )
    first = run_stages(model)
    make_champion(environment, model, first["version"]["version"])
    checks = run_stages(model, last="validate", run_id="again")["validation"]["checks"]
    shifts = {c["column"]: c["success"] for c in checks if c["check"] == "distribution_shift"}
    assert {"weather", "distance_km"} <= set(shifts)
    assert all(shifts.values()), shifts


def test_a_changed_world_is_a_shift_of_the_columns_that_changed(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Trips grow longer after the champion's training: the warning names the distance."""
    source = {"type": "simulator", "rows_per_day": 400, "drift_from": "2026-03-20"}
    ingest = {
        "source": {**source, "drift_strength": 3.0},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": {"delivery_id": "int", "distance_km": "float", "minutes": "float"},
    }
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train={"lookback": "15d", "holdout": "2d", "rounds": 10},
        monitor={"min_rows": 100},
        evaluate=EVALUATE,
    )
    make_champion(environment, model, run_stages(model)["version"]["version"])
    checks = run_stages(model, last="validate", as_of="2026-03-21", run_id="later")["validation"][
        "checks"
    ]
    [shift] = [check for check in checks if check["check"] == "distribution_shift"]
    assert (shift["column"], shift["success"], shift["severity"]) == (
        "distance_km",
        False,
        "warning",
    )
