"""Numbers, categories and times of clients are read as in training; answers name classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
import xgboost

from airworthy.bundle import Manifest, ModelBundle
from airworthy.errors import TerminalError
from airworthy.features import FeatureSet, check_expressions, fit_features, polars_schema
from airworthy.protocol.refusals import RefusedError
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.spec.contract import Contract
from airworthy.spec.fields import ColumnType

INPUTS: dict[str, ColumnType] = {
    "at": "datetime",
    "zip": "category",
    "night": "category",
    "a": "float",
    "b": "float",
}
EXPRESSIONS = {
    "zip": pl.col("zip"),
    "night": pl.col("night"),
    "a": pl.col("a"),
    "ratio": pl.col("a") / pl.col("b"),
}
ROW: dict[str, Any] = {"zip": "1", "night": "true", "a": 1.0, "b": 2.0}


def load(task: Any = "regression", classes: int = 0, positive: str | None = None) -> LoadedModel:
    """Return a trained version that reads no event time."""
    rng = np.random.default_rng(0)
    rows = pl.DataFrame(
        {
            "at": [None] * 60,
            "zip": rng.choice(["1", "2", "10"], 60).tolist(),
            "night": rng.choice(["true", "false"], 60).tolist(),
            "a": rng.random(60).tolist(),
            "b": (1 + rng.random(60)).tolist(),
        },
        schema=polars_schema(INPUTS),
    )
    types = check_expressions(EXPRESSIONS, INPUTS, Path("features.py"))
    features = FeatureSet(EXPRESSIONS, fit_features(EXPRESSIONS, types, [rows.lazy()]))
    target = rows["zip"].cast(pl.Int64).to_numpy() + 20 * (rows["night"] == "true").to_numpy()
    objective: dict[str, Any] = {"objective": "reg:squarederror"}
    if task == "multiclass":
        objective = {"objective": "multi:softprob", "num_class": classes}
        target = np.arange(60) % classes
    elif task == "binary":
        objective, target = {"objective": "binary:logistic"}, np.arange(60) % 2
    matrix = xgboost.QuantileDMatrix(features.matrix(rows), label=target)
    parameters: dict[str, Any] = {**objective, "tree_method": "hist", "seed": 0}
    booster = xgboost.train(parameters, matrix, 5)
    manifest = Manifest(
        model="trips",
        task=task,
        inputs=INPUTS,
        features=features.features,
        classes=["1", "2", "10"][:classes],
        contract=Contract(out_of_contract="refuse", rules=[]),
        positive=positive,
    )
    return LoadedModel("trips", "1", "digest", ModelBundle(manifest, features, booster))


def ask(loaded: LoadedModel, *rows: dict[str, Any]) -> list[Any]:
    """Return the predictions of rows, as records."""
    return loaded.predict(orjson.dumps({"dataframe_records": list(rows)}), Limits())


@pytest.mark.parametrize("more", [0, 1])
def test_a_level_may_be_written_as_its_json_type(more: int) -> None:
    """Levels learnt from numbers and booleans take them, alone and among other rows."""
    loaded = load()
    variants: list[dict[str, Any]] = [
        {"zip": 1},
        {"zip": 1.0},
        {"zip": "1.0"},
        {"night": True},
        {"night": "True"},
    ]
    expected = ask(loaded, ROW)[0]
    for variant in variants:
        assert ask(loaded, ROW | variant, *[ROW] * more)[0] == expected
    assert ask(loaded, ROW | {"zip": 2})[0] != expected
    wrongs: list[dict[str, Any]] = [{"zip": True}, {"night": 1}, {"a": "1"}]
    for wrong in wrongs:
        with pytest.raises(RefusedError, match=f"{next(iter(wrong))}: received"):
            ask(loaded, ROW | wrong)


def test_an_event_time_that_no_feature_reads_is_not_required() -> None:
    """It may be missing in every form of a request, or null; other inputs may not be missing."""
    loaded = load()
    names, values = list(ROW), list(ROW.values())
    bodies: list[dict[str, Any]] = [
        {"dataframe_records": [ROW]},
        {"dataframe_split": {"columns": names, "data": [values]}},
        {"inputs": {name: [value] for name, value in ROW.items()}},
        {"instances": [ROW | {"at": None}]},
        {"instances": [ROW | {"at": "2026-01-01T00:00:00Z"}]},
    ]
    answers = [loaded.predict(orjson.dumps(body), Limits()) for body in bodies]
    assert answers == [answers[0]] * len(bodies)
    assert loaded.describe()["optional"] == ["at"]
    with pytest.raises(RefusedError, match="zip: this column is missing"):
        ask(loaded, {"a": 1.0, "b": 2.0, "night": "true"})


def test_nan_is_null_and_infinity_is_refused_with_its_column() -> None:
    """A body is read as MLflow's own client writes missing values."""
    loaded = load()
    body = b'{"dataframe_records": [{"zip": "1", "night": "NaN", "a": %s, "b": 2.0, "at": "NaT"}]}'
    null, nan = (loaded.read(body % word, Limits()) for word in (b"null", b"NaN"))
    assert nan == null
    assert nan[2] == ["NaN"]
    for word in (b"Infinity", b"-Infinity"):
        with pytest.raises(RefusedError, match=r"a: received .*Infinity.* \(row 0\)"):
            loaded.read(body % word, Limits())


def test_an_infinite_feature_is_refused_by_name() -> None:
    """The refusal names the feature, its row and its inputs; a null stays missing."""
    loaded = load()
    with pytest.raises(RefusedError, match=r"'ratio' is infinite \(row 1\) where a = 1.0, b = 0.0"):
        ask(loaded, ROW, ROW | {"b": 0.0})
    with pytest.raises(RefusedError, match=r"'ratio' is infinite \(row 0\)"):
        ask(loaded, ROW | {"b": 0.0})
    assert len(ask(loaded, ROW | {"b": None}, ROW | {"a": 0.0, "b": 0.0})) == 2


def test_answers_name_their_classes() -> None:
    """Probabilities come with the classes in their order, or with the value that they are of."""
    many = load("multiclass", classes=3)
    names = many.class_names([[0.2, 0.5, 0.3]])
    assert names == {"classes": ["1", "2", "10"], "predicted_classes": ["2"]}
    assert load("binary", positive="UP").class_names([0.4]) == {"positive": "UP"}
    assert load("binary").class_names([0.4]) == {}


@pytest.mark.parametrize("name", ["a[0]", "a<b", "]", "", " ", "a\x00b"])
def test_a_feature_name_that_cannot_be_kept_is_refused(name: str) -> None:
    """XGBoost refuses some characters, and cuts a name at others: the error has the name."""
    with pytest.raises(TerminalError, match="name") as caught:
        check_expressions({name: pl.col("a")}, INPUTS, Path("features.py"))
    assert repr(name) in str(caught.value)


def test_levels_that_are_one_value_are_one_level() -> None:
    """Old partitions may have both 1.0 and 1: they are learnt, and encoded, as one."""
    rows = pl.DataFrame({"zip": ["1", "1.0", "2.0", "x"]})
    (feature,) = fit_features({"zip": pl.col("zip")}, {"zip": pl.String()}, [rows.lazy()])
    assert feature.levels == ["1", "2.0", "x"]
    encoded = FeatureSet({"zip": pl.col("zip")}, [feature]).matrix(
        pl.DataFrame({"zip": ["1", "1.0", "2", "2.0", "x", "3"]})
    )
    np.testing.assert_array_equal(encoded[:, 0], [0, 0, 1, 1, 2, np.nan])
