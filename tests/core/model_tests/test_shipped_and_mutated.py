"""`airworthy test`: green on each shipped model, red on broken ones, with the feature's name."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from tests.core.models.shipped import MODELS, SHIPPED
from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.spec.scaffold import scaffold

KINDS = ("check", "pytest", "features", "kpi", "delivery", "behaviour")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for models of a test's own."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def copy(models: Path, model: str) -> Path:
    copytree(MODELS / model, models / model, ignore=ignore_patterns("__pycache__"))
    return models / model


def run(model: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["test", model, *options])


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is not once in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("model", SHIPPED)
def test_a_shipped_model_passes_its_own_tests(models: Path, tmp_path: Path, model: str) -> None:
    """Each part passes, a whole delivery too, and nothing is left in the project's state."""
    copy(models, model)

    result = run(model)

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["pass", part] for part in KINDS]
    assert "trained, released and served" in result.stdout
    assert lines[-1] == f"{model}: pass"
    assert not list((tmp_path / "state").glob("lake"))


MUTATIONS = {
    "a wrong constant": ("delivery_eta", "freezing", "< 1.0", "< 2.0"),
    "a swapped column": (
        "delivery_eta",
        "km_per_stop",
        'pl.col("distance_km") / pl.col("stops")',
        'pl.col("parcel_kg") / pl.col("stops")',
    ),
    "a wrong sign": ("delivery_eta", "heavy_kg", '"parcel_kg") - 10', '"parcel_kg") + 10'),
    "a day off": ("delivery_eta", "weekend", ".weekday() >= 6", ".weekday() > 6"),
    "an edge off": ("delivery_late", "rush_hour", "between(420, 570)", "between(421, 570)"),
    "a lost bound": (
        "delivery_late",
        "promised_minutes_per_km",
        'pl.col("distance_km").clip(0.2, None)',
        'pl.col("distance_km")',
    ),
    "another part of the time": (
        "delivery_drift",
        "hour",
        '"hour": picked_up.dt.hour()',
        '"hour": picked_up.dt.weekday()',
    ),
    "a cast": (
        "delivery_drift",
        "distance_km",
        '"distance_km": pl.col("distance_km")',
        '"distance_km": pl.col("distance_km").cast(pl.Int32)',
    ),
    "a filled gap": (
        "bike_demand",
        "windspeed",
        '"windspeed": pl.col("windspeed")',
        '"windspeed": pl.col("windspeed").fill_null(0.0)',
    ),
    "a wrong angle": ("bike_demand", "hour_sin", "day_angle.sin()", "day_angle.cos()"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_feature_is_named_before_anything_is_trained(models: Path, mutation: str) -> None:
    """Red, with the feature's name and both values; the delivery is not begun."""
    model, feature, old, new = MUTATIONS[mutation]
    replace(copy(models, model) / "features.py", old, new)

    result = run(model)

    assert result.exit_code == 1, result.output
    assert f"feature {feature!r}: row " in result.stdout
    assert "----  delivery" in result.stdout
    assert f"{model}: FAIL: " in result.stderr


def test_a_new_model_comes_with_tests_that_pass(models: Path) -> None:
    """With simulated rows, of a task whose predictions have several columns, delivery included."""
    scaffold(models, "parcels", "multiclass", "simulator")

    result = run("parcels")

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("source", ["files", "sql"])
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_new_model_without_its_data_passes_all_but_the_delivery(
    models: Path, task: str, source: str
) -> None:
    """A source that is not there yet is what fails, and nothing else."""
    scaffold(models, "parcels", task, source)

    result = run("parcels")

    assert result.exit_code == 1, result.output
    assert "parcels: FAIL: delivery" in result.stderr
    assert "Traceback" not in result.output


def test_a_feature_or_kpi_without_a_test_is_named(models: Path) -> None:
    """An expected null alone is no test of a feature."""
    folder = copy(models, "delivery_eta")
    (folder / "tests.yaml").write_text(
        "features:\n  - {row: {stops: 3}, expect: {stops: 3, city: null}}\n", encoding="utf-8"
    )

    result = run("delivery_eta", "--no-deliver")

    assert result.exit_code == 1
    assert "feature 'city' has no test" in result.stdout
    assert "feature 'stops' has no test" not in result.stdout
    assert "the KPI has no test" in result.stdout


def test_a_wrong_cost_and_a_faulty_row_are_told(models: Path) -> None:
    folder = copy(models, "delivery_late")
    replace(folder / "model.yaml", "predicted: 1, cost: 1.5", "predicted: 1, cost: 2.5")
    replace(folder / "tests.yaml", "distance_km: 0.1, stops: 1", "distance_km: near, stops: 1")

    result = run("delivery_late")

    assert "row 2: expected 1.5, got 2.5" in result.stdout
    assert "column 'distance_km' has a value of another type" in result.stdout


def test_a_tests_yaml_with_faults_is_explained(models: Path) -> None:
    folder = copy(models, "delivery_eta")
    (folder / "tests.yaml").write_text("feature: []\n", encoding="utf-8")

    result = run("delivery_eta")

    assert result.exit_code == 1
    assert "unknown key; did you mean 'features'?" in result.stdout


PYTEST = """
from pathlib import Path

import pytest

from airworthy.model_tests import feature_values

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", ["city", "kind"])
def test_columns(name):
    pass


def test_hour_is_of_utc():
    values = feature_values(FOLDER, {"happened_at": "2025-03-03T12:30:00+02:00"})
    assert values["hour"] == HOUR


def test_amount():
    assert feature_values(FOLDER, {"amount": 2})["amount"] == 2.0
"""


@pytest.mark.parametrize(("hour", "code"), [(10, 0), (12, 1)])
def test_pytest_functions_beside_a_model_are_found_and_cover_its_features(
    models: Path, hour: int, code: int
) -> None:
    """`test_NAME` tests the feature NAME; a failed one fails with its name."""
    folder = scaffold(models, "parcels", "regression", "files")
    (folder / "test_features.py").write_text(PYTEST.replace("HOUR", str(hour)), encoding="utf-8")
    (folder / "tests.yaml").write_text(
        'features:\n  - row: {kind: a, happened_at: "2025-03-03"}\n    expect: {kind: a, weekday: 1}\n',
        encoding="utf-8",
    )

    result = run("parcels", "--no-deliver")

    assert result.exit_code == code, result.output
    if code:
        assert "feature 'hour': test_hour_is_of_utc" in result.stdout
    else:
        assert "pass  pytest     4 functions" in result.stdout
    assert not (folder / "__pycache__").exists()


def test_a_model_that_breaks_its_rule_fails_after_the_delivery(models: Path) -> None:
    """The rule of behaviour.py is asked of the trained model; its name is printed."""
    folder = scaffold(models, "parcels", "regression", "simulator")
    replace(folder / "behaviour.py", 'never="lower"', 'never="higher"')

    result = run("parcels")

    assert result.exit_code == 1
    assert "FAIL  delivery" in result.stdout
    assert "farther takes longer: fail" in result.stdout
    assert "parcels: FAIL: delivery, behaviour" in result.stderr


def test_a_model_that_is_not_there_is_told_with_those_that_are(models: Path) -> None:
    scaffold(models, "parcels", "regression", "simulator")

    result = run("parcel")

    assert result.exit_code != 0
    assert getattr(result.exception, "allowed", "") == "parcels"
