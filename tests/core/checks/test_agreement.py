"""``airworthy check`` tries each thing with the code that runs it: what passes runs, and the reverse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from airworthy.checks.check_spec import check_spec
from airworthy.checks.check_warnings import find_warnings
from airworthy.environment import Environment
from airworthy.spec import load_spec
from airworthy.spec.validate_part import Expectation
from airworthy.validation.suite import Suite, data_docs, result_values

SPEC: dict[str, Any] = {
    "model": "trips",
    "task": "regression",
    "owner": "tests",
    "ingest": {
        "source": {"type": "simulator", "rows_per_day": 100},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "minutes",
        "columns": {
            "delivery_id": "int",
            "city": "category",
            "distance_km": "float",
            "stops": "int",
            "minutes": "float",
        },
    },
    "train": {"lookback": "28d", "holdout": "3d"},
    "evaluate": {"gates": [{"metric": "rmse", "max": 8.0}]},
}
FEATURES = (
    "import polars as pl\n"
    "FEATURES = {'distance': pl.col('distance_km'), 'stops': pl.col('stops')}\n"
)
QUANTILES = {"quantiles": [0.5], "value_ranges": [[None, 100.0]]}


def faults(folder: Path, parameters: dict[str, Any], *expectations: dict[str, Any]) -> list[str]:
    """Return the faults of a model with these parameters and expectations, as text."""
    spec = SPEC | {"validate": {"expectations": list(expectations)}}
    spec["train"] = SPEC["train"] | {"parameters": parameters}
    path = folder / "trips" / "model.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    path.with_name("features.py").write_text(FEATURES, encoding="utf-8")
    return [str(fault) for fault in check_spec(path).faults]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"monotone_constraints": {"distance": 1}}, None),
        ({"monotone_constraints": "(1,0)"}, None),
        ({"interaction_constraints": [["distance", "stops"]]}, None),
        ({"interaction_constraints": "[[0, 1]]"}, None),
        ({"monotone_constraints": {"distanz": 1}}, "features by name: distance, stops"),
        (
            {"interaction_constraints": [["distance", "stopps"]]},
            "features by name: distance, stops",
        ),
        ({"learning_rate": "NaN"}, "finite"),
        ({"learning_rate": "inf"}, "finite"),
        ({"max_dept": 3}, "did you mean 'max_depth'?"),
        ({"max_depth": -3}, "XGBoost refuses it"),
    ],
)
def test_parameters_are_tried_with_the_models_own_features(
    tmp_path: Path, parameters: dict[str, Any], told: str | None
) -> None:
    """Constraints by name train, so they pass; what XGBoost refuses or ignores is named."""
    found = faults(tmp_path, parameters)
    assert found == [] if told is None else told in found[0]


@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        ({"type": "expect_column_quantile_values_to_be_between", "column": "distance_km",
          "quantile_ranges": QUANTILES}, None),
        ({"type": "expect_column_values_to_be_in_set", "column": "city", "value_set": ["NO", "SE"]}, None),
        ({"type": "expect_column_values_to_be_between", "column": "city", "min_value": 1}, "cannot evaluate it"),
        ({"type": "expect_column_values_to_be_between", "column": "distance_km",
          "min_value": {"$PARAMETER": "low"}}, "no suite parameters"),
    ],
)  # fmt: skip
def test_expectations_are_evaluated_on_the_declared_types(
    tmp_path: Path, expectation: dict[str, Any], told: str | None
) -> None:
    """An expectation that can never be evaluated is a fault before any run."""
    found = faults(tmp_path, {}, expectation)
    assert found == [] if told is None else told in found[0]


def test_each_result_of_great_expectations_is_kept_as_json() -> None:
    """Some results have NumPy's booleans, which no JSON has."""
    expectation = Expectation(
        type="expect_column_quantile_values_to_be_between", column="x", quantile_ranges=QUANTILES
    )
    result = Suite("trips", [expectation]).run(pl.DataFrame({"x": [1.0, 2.0]}))
    assert json.loads(json.dumps(result_values(result)))["success"] is True
    assert "Data Docs" in data_docs(result) or "<html" in data_docs(result)


def test_plain_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """NO is Norway, 12:30 is no number, and a leading zero is kept."""
    from airworthy.spec.read_yaml import read_mapping

    path = tmp_path / "values.yaml"
    path.write_text("a: [NO, on, true, 010, 12:30, 1_0, 1e-5, -3, 0, .5]\n", encoding="utf-8")
    values = ["NO", "on", True, "010", "12:30", "1_0", 1e-5, -3, 0, 0.5]
    assert read_mapping(path)["a"] == values


def write_source(folder: Path, lines: str, **spec: Any) -> Path:
    """Write a model whose rows are a CSV file beside it; return its spec."""
    ingest = SPEC["ingest"] | {
        "source": {"type": "files", "format": "csv", "path": "rows.csv", **spec.pop("source", {})}
    }
    path = folder / "trips" / "model.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(SPEC | {"ingest": ingest} | spec), encoding="utf-8")
    path.with_name("features.py").write_text(FEATURES, encoding="utf-8")
    path.with_name("rows.csv").write_text(lines, encoding="utf-8")
    return path


HEAD = "picked_up_at,delivery_id,city,distance_km,stops,minutes\n"
ROWS = "2026-03-02 08:00,1,rome,1.5,2,9\n2026-03-03 08:00,2,rome,2.5,2,12\n"


@pytest.mark.parametrize(
    ("lines", "spec", "told"),
    [
        (HEAD + ROWS, {"end": "2026-03-03"}, None),
        (HEAD + ROWS, {"end": "2026-03-03", "source": {"derive": {"stops": "stopps * 2"}}}, "stopps"),
        (HEAD + ROWS, {"end": "2026-03-03", "source": {"derive": {"stops": "nonsense((" }}}, "is not SQL"),
        (HEAD.replace("stops", "halts") + ROWS, {"end": "2026-03-03"}, "no column 'stops'"),
        (HEAD + ROWS, {"end": "2025-12-31"}, "rows from 2026-03-02 to 2026-03-03, and none of the spec's days"),
        (HEAD + ROWS.replace("2026", "2021"), {"start": "2020-01-01"}, "rows end on 2021-03-03"),
    ],
)  # fmt: skip
def test_check_reads_the_source_as_a_run_does(
    environment: Environment, tmp_path: Path, lines: str, spec: dict[str, Any], told: str | None
) -> None:
    """Check finds what every run would stop at: derive, missing columns, other days."""
    path = write_source(tmp_path, lines, **spec)
    found = find_warnings(path, load_spec(path), environment)
    texts = [str(fault) for fault in found.faults]
    assert texts == [] if told is None else told in texts[0]


def test_all_columns_that_cannot_be_read_are_told_in_one_round(
    environment: Environment, tmp_path: Path
) -> None:
    """Two columns of another type are one error with both."""
    rows = "".join(f"2026-03-02 08:0{n},{n},rome,far,two,9\n" for n in range(4))
    path = write_source(tmp_path, HEAD + rows, end="2026-03-02")
    fault = str(find_warnings(path, load_spec(path), environment).faults[0])
    assert "no cell of column 'distance_km' can be read as float" in fault
    assert "no cell of column 'stops' can be read as int" in fault
