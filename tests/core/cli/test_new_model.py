"""`airworthy new-model` writes a folder that works unchanged."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import polars as pl
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.features import load_expressions, polars_schema
from airworthy.lake.sources.simulated_deliveries import generate_deliveries
from airworthy.spec import load_spec
from airworthy.spec.read_yaml import read_mapping
from airworthy.spec.scaffold import ScaffoldError, scaffold
from airworthy.spec.sources_part import SimulatorSource
from airworthy.spec.spec_schema import SCHEMA_FILE, spec_schema

TASKS, SOURCES = ("regression", "binary", "multiclass"), ("simulator", "files", "sql")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, the project's for the commands."""
    folder = tmp_path / "models"
    monkeypatch.setenv("AIRWORTHY_MODELS", str(folder))
    return folder


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_new_model_passes_every_check(models: Path, task: str, source: str) -> None:
    """Scaffold, then check: healthy, deep checks and JSON Schema included, for every task and
    source.
    """
    created = CliRunner().invoke(app, ["new-model", "parcels", "--task", task, "--source", source])
    checked = CliRunner().invoke(app, ["check"])

    assert created.exit_code == 0, created.output
    assert "airworthy check" in created.stdout
    assert "airworthy run parcels" in created.stdout
    assert checked.exit_code == 0, checked.output
    assert checked.stdout == f"parcels: ok ({models / 'parcels' / 'model.yaml'})\n"
    jsonschema.Draft202012Validator(spec_schema()).validate(
        read_mapping(models / "parcels" / "model.yaml")
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_simulated_model_uses_columns_that_the_simulator_makes(models: Path, task: str) -> None:
    """Every declared column, and every feature, can be computed from a generated day."""
    folder = scaffold(models, "parcels", task, "simulator")
    spec = load_spec(folder / "model.yaml")
    assert isinstance(spec.ingest.source, SimulatorSource)
    day = generate_deliveries(spec.ingest.source, spec.start)

    declared = [spec.ingest.event_time, *spec.ingest.columns]
    rows = day.select(declared).cast(pl.Schema(polars_schema(spec.inputs)), strict=False)
    values = rows.select(**load_expressions(folder / "features.py"))

    assert values.height == day.height
    assert all(values[name].n_unique() > 1 for name in values.columns)
    assert rows[spec.ingest.label].n_unique() > 1
    assert values.select(pl.all().is_null().mean() < 0.5).row(0) == (True,) * values.width


def test_the_first_line_leads_an_editor_to_the_schema(models: Path) -> None:
    """The schema's path in the first line is right from wherever the models are."""
    folder = scaffold(models, "parcels", "regression", "simulator")

    first = (folder / "model.yaml").read_text(encoding="utf-8").splitlines()[0]

    assert (folder / first.partition("$schema=")[2]).resolve() == SCHEMA_FILE.resolve()


def test_what_is_there_is_never_overwritten(models: Path) -> None:
    """A second new-model of the same name changes nothing and says so."""
    CliRunner().invoke(app, ["new-model", "parcels"])
    spec = models / "parcels" / "model.yaml"
    spec.write_text("mine", encoding="utf-8")

    with pytest.raises(ScaffoldError, match="nothing was changed"):
        scaffold(models, "parcels", "binary", "files")

    assert spec.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["My Model", "9lives", "../up", "x", "a-b", "", "a" * 80, "été"])
def test_a_bad_name_is_explained_with_a_good_one(models: Path, name: str) -> None:
    """A bad name is refused with the rule and a good name; nothing is written."""
    with pytest.raises(ScaffoldError) as refused:
        scaffold(models, name, "regression", "simulator")

    assert "lower-case letters, digits and _" in str(refused.value.allowed)
    suggestion = str(refused.value.next_step).removeprefix("airworthy new-model ")
    assert not models.exists()
    assert scaffold(models, suggestion, "regression", "simulator").is_dir()
