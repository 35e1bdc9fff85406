"""`airworthy check` warns of what a valid spec lacks, and of what in it has no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.core.models.shipped import MODELS, SHIPPED
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.spec.scaffold import scaffold

SEARCH = "train.search"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new model of simulated rows, in a project of its own."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_MODELS", str(tmp_path / "models"))
    return scaffold(tmp_path / "models", "parcels", "regression", "simulator")


def change(folder: Path, changes: dict[str, Any]) -> None:
    """Set keys of a spec, each by its path with dots."""
    path = folder / "model.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *parents, last = key.split(".")
        part = spec
        for name in parents:
            part = part.setdefault(name, {})
        part[last] = value
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def gates(*gates: dict[str, Any]) -> dict[str, Any]:
    return {"evaluate.gates": list(gates)}


DECLARED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no expectation": ({"validate.expectations": []}, ("validate.expectations",)),
    "only the schema": (
        {"validate.expectations": [{"type": "expect_column_to_exist", "column": "city"}]},
        ("validate.expectations",),
    ),
    "no slice": ({"evaluate.slices": []}, ("evaluate.slices",)),
    "one trial": ({SEARCH: {"trials": 1}}, ("train.search.trials", "do not search a space of 5")),
    "no range": ({SEARCH: {"space": {}}}, ("train.search.space", "no range")),
    "no monitor": ({"monitor.schedule": None}, ("monitor.schedule",)),
    "blind monitor": (
        {"monitor.min_rows": 100_000},
        ("monitor.min_rows", "the monitor would be blind", "window: 1d", "100000 are needed"),
    ),
    "no whole week": (
        {"monitor": {"window": "1w", "reference": "8w"}, "train.holdout": "7d"},
        ("train.holdout", "not always a whole 7d: give it 13d", "  window: 1d"),
    ),
    "nobody": ({"owner": "my-team"}, ("owner", "no alert channel")),
    "any r2": (gates({"metric": "r2", "min": 0.0}), ("evaluate.gates[0]", "nothing can fail")),
    "rmse of nothing": (gates({"metric": "rmse", "max": 0}), ("gates[0]", "nothing can pass")),
    "half as bad again": (
        gates({"metric": "rmse", "against": "champion", "margin": 0.5}),
        ("evaluate.gates[0].margin", "50% worse"),
    ),
    "rmse of anything": (
        gates({"metric": "rmse", "max": 1000}),
        ("evaluate.gates[0]", "the mean for every row has rmse"),
    ),
}


@pytest.mark.parametrize("case", DECLARED)
def test_each_lack_is_one_warning_and_with_strict_a_fault(folder: Path, case: str) -> None:
    """The key, the problem and the next step are printed; the command fails only if it is strict."""
    changes, words = DECLARED[case]
    change(folder, changes)

    strict = CliRunner().invoke(app, ["check", "--strict", str(folder)])
    plain = CliRunner().invoke(app, ["check", str(folder)])

    assert (strict.exit_code, plain.exit_code) == (1, 0), strict.output
    assert strict.stderr.count(": warning: ") == plain.stderr.count(": warning: ") == 1
    assert all(word in strict.stderr for word in (*words, "model.yaml", "  next:     "))
    assert "1 fault in 1 of 1 spec" in strict.stderr
    assert plain.stdout.startswith("parcels: ok")
    assert strict.stdout == ""


def test_each_useless_or_leaking_feature_is_named(folder: Path) -> None:
    """A constant, copies by order and by name, and the label in disguise, by a sample of the rows."""
    path = folder / "features.py"
    further = """
FEATURES |= {
    "always": pl.col("stops") * 0,
    "metres": pl.col("distance_km") * -1000.0,
    "town": pl.col("city").str.to_uppercase(),
    "told": pl.col("parcel_kg"),
}
"""
    path.write_text(path.read_text(encoding="utf-8") + further, encoding="utf-8")
    derived = {"parcel_kg": "minutes"}
    change(folder, {"ingest.label": "minutes"})
    write_parquet(folder, derived)

    result = CliRunner().invoke(app, ["check", "--strict", str(folder)])

    found = {
        line.partition("FEATURES['")[2].partition("']")[0]: line
        for line in result.stderr.splitlines()
        if ": warning: " in line
    }
    assert "has one value" in found["always"]
    assert "copy of 'distance_km'" in found["metres"]
    assert "copy of 'city'" in found["town"]
    assert "carries the label" in found["parcel_kg"]
    assert set(found) == {"always", "metres", "town", "told", "parcel_kg"}


def write_parquet(folder: Path, copied: dict[str, str]) -> None:
    """Give the model files of simulated days, with columns that are copies of others."""
    from datetime import timedelta

    from airworthy.lake.sources.simulated_deliveries import generate_deliveries
    from airworthy.spec import load_spec
    from airworthy.spec.sources_part import SimulatorSource

    spec = load_spec(folder / "model.yaml")
    assert isinstance(spec.ingest.source, SimulatorSource)
    source = spec.ingest.source.model_copy(update={"bad_share": 0.0, "rows_per_day": 50})
    for number in range(40):
        day = spec.start + timedelta(days=number)
        rows = generate_deliveries(source, day)
        rows = rows.with_columns(**{name: rows[other] for name, other in copied.items()})
        rows.write_parquet(folder / f"{day}.parquet")
    files = {"type": "files", "format": "parquet", "path": "{yyyy}-{mm}-{dd}.parquet"}
    change(folder, {"ingest.source": files, "end": str(day)})


def test_classification_gates_are_held_against_the_most_frequent_class(
    folder: Path, tmp_path: Path
) -> None:
    """An accuracy below that of always saying no stops nothing; one over 1 stops everything."""
    late = scaffold(tmp_path / "models", "late", "binary", "simulator")
    change(
        late,
        gates(
            {"metric": "accuracy", "min": 0.4},
            {"metric": "accuracy", "against": "baseline", "better_by": 0.9},
            {"metric": "auc", "min": 1.0},
            {"metric": "auc", "min": 0.5},
            {"metric": "log_loss", "max": 3.0},
        ),
    )

    result = CliRunner().invoke(app, ["check", str(late)])

    lines = [line for line in result.stderr.splitlines() if ": warning: " in line]
    problems = {
        line.partition("gates[")[2][0]: line.partition("warning: ")[2].partition(" pass ")[0]
        for line in lines
    }
    assert set(problems) == {"0", "1", "2", "3", "4"}
    assert [n for n in problems if problems[n] == "nothing can"] == ["2", "1"]


def test_a_model_without_behavioural_tests_is_told_so(folder: Path) -> None:
    (folder / "behaviour.py").unlink()

    result = CliRunner().invoke(app, ["check", str(folder)])

    assert "behaviour.py: BEHAVIOUR: warning: there is no behavioural test" in result.stderr


def test_an_owner_without_an_address_is_reached_through_a_channel(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel for this model is enough; one for another model is not."""
    change(folder, {"owner": "my-team"})
    environments = tmp_path / "include" / "environments"
    environments.mkdir(parents=True)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path))
    common = "lake: /l\ntracking_uri: /t\nartifacts: /a\nserver_url: http://127.0.0.1:9\n"
    for model, code in (("parcels", 0), ("another", 1)):
        channel = f"alerts: [{{type: slack, models: [{model}]}}]\n"
        (environments / "local.yaml").write_text(common + channel, encoding="utf-8")
        result = CliRunner().invoke(app, ["check", "--strict", str(folder)])
        assert result.exit_code == code, result.output


def test_a_source_out_of_reach_is_told_and_is_no_fault(folder: Path) -> None:
    """Strict too: a machine without the data can check a spec."""
    files = {"type": "files", "format": "csv", "path": "nowhere/{yyyy}-{mm}-{dd}.csv"}
    sql = {"type": "sql", "connection": "none", "query": "SELECT :start, :end"}
    for source in (files, sql):
        change(folder, {"ingest.source": source})
        result = CliRunner().invoke(app, ["check", "--strict", str(folder)])
        assert result.exit_code == 0, result.output
        assert "not measured: features and gates: " in result.stderr


def test_a_new_model_has_no_warning(folder: Path) -> None:
    result = CliRunner().invoke(app, ["check", "--strict", str(folder)])

    assert result.exit_code == 0, result.output
    assert result.stderr == ""


def test_the_shipped_models_have_no_warning() -> None:
    paths = [str(MODELS / model) for model in SHIPPED]

    result = CliRunner().invoke(app, ["check", "--strict", *paths])

    assert result.exit_code == 0, result.output
    assert "not measured: features" not in result.stderr
