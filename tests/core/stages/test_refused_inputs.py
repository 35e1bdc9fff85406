"""Training and validation refuse unfit inputs, in words with the next step."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airworthy.errors import TerminalError

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from .conftest import MakeModel, RunStages, small_spec

LAST_DAY = date(2026, 3, 19)


def from_files(tmp_path: Path, label: pl.Series, **ingest: Any) -> dict[str, Any]:
    """Return a source of eight daily CSV files with fifty rows each, with `label` as label column.

    Args:
        tmp_path: The test's folder.
        label: Fifty labels.
        **ingest: Further keys of the ingest part.
    """
    folder = tmp_path / "models" / "small_model" / "data"
    folder.mkdir(parents=True)
    for day in (LAST_DAY - timedelta(days=n) for n in range(8)):
        rows = pl.DataFrame(
            {"delivery_id": range(50), "distance_km": [float(n) for n in range(50)]}
        )
        rows = rows.with_columns(label.alias("y"), picked_up_at=pl.lit(f"{day}T12:00:00Z"))
        rows.write_csv(folder / f"{day}.csv")
    return {
        "source": {"type": "files", "format": "csv", "path": "data/{yyyy}-{mm}-{dd}.csv"},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "y",
        "columns": {"delivery_id": "int", "distance_km": "float", "y": "int"},
        **ingest,
    }


FEATURES = "import polars as pl\nFEATURES = {'km': pl.col('distance_km')}\n"
GATES = {"gates": [{"metric": "accuracy", "min": 0.1}]}
TRAIN = {"lookback": "8d", "holdout": "2d", "rounds": 5, "min_rows": 100}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (pl.Series([1] * 50), "one class only"),
        (pl.Series([0, 7] * 25), "a binary label is 0 or 1"),
        (pl.Series([None] * 50, dtype=pl.Int64), "no labelled row, so there is no class"),
    ],
)
def test_labels_that_teach_nothing(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages, label: pl.Series, message: str
) -> None:
    """One class, a foreign value, or no label at all: the run stops and names the label column."""
    ingest = from_files(tmp_path, label)
    model = make_model(task="binary", features=FEATURES, ingest=ingest, train=TRAIN, evaluate=GATES)
    with pytest.raises(TerminalError, match=message) as caught:
        run_stages(model, last="train")
    assert "y" in str(caught.value)


def test_missing_regression_labels(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """An all-null label of a regression says so, instead of training on nothing."""
    ingest = from_files(tmp_path, pl.Series([None] * 50, dtype=pl.Int64))
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN,
        evaluate={"gates": [{"metric": "rmse", "max": 1}]},
    )
    with pytest.raises(TerminalError, match="no row has a label"):
        run_stages(model, last="train")


def test_too_few_rows(make_model: MakeModel, run_stages: RunStages) -> None:
    """Fewer rows than train.min_rows: the count, the bound and the keys to change."""
    model = make_model(train={**small_spec("m")["train"], "min_rows": 1_000_000})
    with pytest.raises(TerminalError, match="too few labelled rows") as caught:
        run_stages(model, last="train")
    assert "1000000" in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("pl.col('distance_km') - pl.col('distance_km').mean()", "looks at other rows"),
        ("pl.col('minutes')", "a column that a prediction does not have"),
        ("pl.col('picked_up_at')", "a type that a model cannot take"),
        ("pl.col('distance_km') / 0", r"infinite in the training rows: 'bad_one' in \d+ rows"),
    ],
)
def test_features_that_serving_could_not_compute(
    make_model: MakeModel, run_stages: RunStages, expression: str, message: str
) -> None:
    """A feature over other rows, over the label, of no usable type, or without a finite value is
    refused by name before training.
    """
    model = make_model(features=f"import polars as pl\nFEATURES = {{'bad_one': {expression}}}\n")
    with pytest.raises(TerminalError, match=message) as caught:
        run_stages(model, last="train")
    assert "bad_one" in str(caught.value)


def test_parameter_that_xgboost_refuses(make_model: MakeModel, run_stages: RunStages) -> None:
    """XGBoost's own complaint reaches the reader in one line, with the parameters."""
    model = make_model(train={**small_spec("m")["train"], "parameters": {"max_depth": -3}})
    with pytest.raises(TerminalError, match="XGBoost refused to train"):
        run_stages(model, last="train")


def expectation(severity: str) -> dict[str, Any]:
    """Return an expectation against the simulated data."""
    wrong = {
        "type": "expect_column_values_to_be_between",
        "column": "distance_km",
        "min_value": 1e6,
        "severity": severity,
    }
    return {"expectations": [wrong]}


def test_critical_expectation_stops_the_run(make_model: MakeModel, run_stages: RunStages) -> None:
    """A critical failure stops the run, naming expectation, column, partitions and the observed
    value.
    """
    model = make_model(validate=expectation("critical"))
    with pytest.raises(TerminalError, match="1 critical check") as caught:
        run_stages(model, last="validate")
    for word in (
        "expect_column_values_to_be_between(distance_km)",
        "2026-03-12",
        "3 more",
        "rows, such as",
    ):
        assert word in str(caught.value)


def test_warning_is_recorded_and_goes_on(make_model: MakeModel, run_stages: RunStages) -> None:
    """A warning leaves the run alone and is in the result."""
    result = run_stages(make_model(validate=expectation("warning")), last="validate")["validation"]
    assert result["success"] is True
    assert [check["check"] for check in result["checks"] if not check["success"]] == [
        "expect_column_values_to_be_between"
    ]


def test_validated_partition_is_not_validated_again(
    environment: Any, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The next night validates the new partition only; the others' results are read back,
    unchanged.
    """
    model = make_model()
    run_stages(model, last="validate")
    folder = Path(environment.beside_lake(model, "validations"))
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.json")}
    run_stages(model, last="validate", as_of="2026-03-21")
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*/*.json")}
    assert len(before) == 8
    assert {name: time for name, time in after.items() if name in before} == before
    assert [name[:10] for name in sorted(set(after) - set(before))] == ["2026-03-20"]


def test_failure_is_put_to_the_expectation_that_failed(
    make_model: MakeModel, run_stages: RunStages
) -> None:
    """Of many expectations of many kinds, the failed one is named."""
    good = [
        {"type": "expect_column_values_to_not_be_null", "column": name}
        for name in ("city", "vehicle", "weather")
    ]
    bad = {"type": "expect_table_row_count_to_be_between", "max_value": 1, "severity": "warning"}
    more = [{"type": "expect_column_values_to_be_between", "column": "stops", "min_value": 0}]
    model = make_model(validate={"expectations": [*good, bad, *more]})
    checks = run_stages(model, last="validate")["validation"]["checks"]
    assert [check["check"] for check in checks if not check["success"]] == [bad["type"]]


def test_second_class_in_the_holdout_alone(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A class in the holdout alone cannot be learned: the run says so, instead of training a
    constant.
    """
    ingest = from_files(tmp_path, pl.Series([0] * 50))
    folder = tmp_path / "models" / "small_model" / "data"
    for day in (LAST_DAY, LAST_DAY - timedelta(days=1)):
        path = folder / f"{day}.csv"
        pl.read_csv(path).with_columns(y=pl.col("delivery_id") % 2).write_csv(path)
    model = make_model(task="binary", features=FEATURES, ingest=ingest, train=TRAIN, evaluate=GATES)
    with pytest.raises(TerminalError, match="one class only"):
        run_stages(model, last="train")


def test_a_class_without_a_row_to_learn_from_is_named(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A third class, here a whole number, that is in the holdout alone stops the training."""
    ingest = from_files(tmp_path, pl.Series([1, 2] * 25))
    folder = tmp_path / "models" / "small_model" / "data"
    path = folder / f"{LAST_DAY}.csv"
    pl.read_csv(path).with_columns(y=pl.lit(7)).write_csv(path)
    gates = {"gates": [{"metric": "accuracy", "min": 0.1}]}
    model = make_model(
        task="multiclass", features=FEATURES, ingest=ingest, train=TRAIN, evaluate=gates
    )
    with pytest.raises(TerminalError, match="a class has no row to learn from") as caught:
        run_stages(model, last="train")
    assert "'7': 0 rows in the days to fit on" in str(caught.value)
    assert "50 in the holdout" in str(caught.value)


def test_days_of_the_holdout_alone(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A source that has just begun: the error names the lack of training rows."""
    ingest = from_files(tmp_path, pl.Series(range(50)))
    for path in sorted((tmp_path / "models" / "small_model" / "data").glob("*.csv"))[:-2]:
        path.unlink()
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN,
        evaluate={"gates": [{"metric": "rmse", "max": 1}]},
    )
    with pytest.raises(TerminalError, match="no row"):
        run_stages(model, last="train")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_dept", "many"),
        ("seed", "many"),
        ("max_bin", "many"),
        ("we!rd", "many"),
        ("learning_rate", float("nan")),
        ("max_delta_step", "Infinity"),
    ],
)
def test_parameter_of_a_run_is_checked_like_the_spec(
    make_model: MakeModel, run_stages: RunStages, name: str, value: Any
) -> None:
    """A misspelt, reserved or unusable parameter given to one run is refused by name before
    anything is read from the source.
    """
    with pytest.raises(TerminalError, match=name) as refused:
        run_stages(make_model(), last="train", parameters={name: value})
    assert refused.value.stage == "ingest"


def test_newest_days_without_rows_are_named(
    tmp_path: Path, environment: Any, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Compared days without rows are one error: no column has moved."""
    ingest = from_files(tmp_path, pl.Series(range(50)))
    evaluate = {"gates": [{"metric": "rmse", "max": 100}]}
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN | {"lookback": "20d"},
        evaluate=evaluate,
        start="2026-03-12",
    )
    version = run_stages(model)["version"]["version"]
    make_champion(environment, model, version)
    checks = run_stages(model, last="validate", as_of="2026-03-24", run_id="later")["validation"][
        "checks"
    ]
    moved = [check for check in checks if check["check"] == "distribution_shift"]
    assert [(check["column"], check["success"]) for check in moved] == [(None, False)]
    assert "no rows in [2026-03-23, 2026-03-24)" in moved[0]["observed"]


def test_missing_day_before_the_holdout_is_named(
    tmp_path: Path, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Enough rows, and none on the early-stopping day: the parts and their counts are named."""
    ingest = from_files(tmp_path, pl.Series(range(50)))
    (tmp_path / "models" / "small_model" / "data" / "2026-03-17.csv").unlink()
    model = make_model(
        features=FEATURES,
        ingest=ingest,
        train=TRAIN,
        evaluate={"gates": [{"metric": "rmse", "max": 1}]},
    )
    with pytest.raises(TerminalError, match="stop the rounds early") as caught:
        run_stages(model, last="train")
    assert "0 in [2026-03-17, 2026-03-18)" in str(caught.value)


def test_expectation_on_a_column_that_is_not_there(
    make_model: MakeModel, run_stages: RunStages
) -> None:
    """Great Expectations' message about a missing column reaches the reader."""
    wrong = {"type": "expect_column_values_to_not_be_null", "column": "no_such_column"}
    model = make_model(validate={"expectations": [wrong]})
    with pytest.raises(TerminalError, match=r'(?s)null\(no_such_column\).*column "no_such_column"'):
        run_stages(model, last="validate")
