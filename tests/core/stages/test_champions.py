"""A champion of another shape than the challenger is compared fairly, or is said not to be
comparable.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from airworthy.alerts.champion_alerts import champion_fails
from airworthy.environment import Environment
from airworthy.evaluation.holdout import align_classes
from airworthy.handover import Verdict
from airworthy.ledger import open_ledger
from airworthy.monitoring.history import champion_failing

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from .conftest import COLUMNS, FEATURES, MakeModel, RunStages, small_spec

GATE = "rmse against champion"


def test_input_column_that_the_spec_drops(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A spec without one of the champion's columns still trains; the comparison is inconclusive."""
    model = make_model()
    make_champion(environment, model, run_stages(model)["version"]["version"])
    columns = {name: kind for name, kind in COLUMNS.items() if name != "vehicle"}
    fewer = FEATURES.replace('    "vehicle": pl.col("vehicle"),\n', "")
    make_model(features=fewer, ingest={**small_spec("m")["ingest"], "columns": columns})
    verdict = run_stages(model, run_id="fewer")["verdict"]
    gates = {gate["gate"]: gate for gate in verdict["gates"]}
    assert gates[GATE]["outcome"] == verdict["outcome"] == "inconclusive"
    assert "vehicle" in gates[GATE]["reason"]
    assert verdict["champion_version"] == "1"
    assert "champion" not in verdict["metrics"]


def test_champion_of_another_task(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """After a change of the task, the champion's predictions mean something else: no number has
    both.
    """
    model = make_model()
    make_champion(environment, model, run_stages(model)["version"]["version"])
    gates = [
        {"metric": "auc", "min": 0.5},
        {"metric": "auc", "against": "champion", "margin": 0.05},
    ]
    make_model(
        task="binary",
        ingest={**small_spec("m")["ingest"], "label": "late"},
        evaluate={"gates": gates},
    )
    verdict = run_stages(model, run_id="binary")["verdict"]
    outcomes = {gate["gate"]: gate["outcome"] for gate in verdict["gates"]}
    assert outcomes == {
        "auc": "pass",
        "auc against champion": "inconclusive",
        "log_loss against champion (default)": "inconclusive",
        "log_loss against baseline (default)": "pass",
    }
    assert "regression" in verdict["gates"][1]["reason"]


def test_a_champion_gone_bad_gives_way_to_a_proved_better_challenger(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Both miss an absolute bar. Who is better takes over, excused by name; who is worse does not,
    and the champion's own failure is on record.
    """
    bars = {"slices": ["city"], "gates": [{"metric": "rmse", "max": 0.5}]}
    model = make_model(evaluate=bars)
    bad = run_stages(model, parameters={"learning_rate": 0.01})["version"]["version"]
    make_champion(environment, model, bad)
    good = run_stages(model, run_id="good")
    (excused,) = [gate for gate in good["verdict"]["gates"] if gate["outcome"] == "excused"]
    figure = f"{good['verdict']['metrics']['champion']['rmse']:.4g}"
    assert excused["gate"] == "rmse"
    assert f"the champion does no better here: {figure} (at most 0.5 required)" in excused["reason"]
    assert (good["verdict"]["outcome"], good["version"]["validation_status"]) == (
        "pass",
        "approved",
    )

    make_champion(environment, model, good["version"]["version"])
    same = run_stages(model, run_id="same", parameters={"learning_rate": 0.05})["verdict"]
    assert (same["outcome"], same["releasable"]) == ("fail", False)
    assert [text.partition(":")[0] for text in same["champion_failing"]] == ["rmse"]
    entries = open_ledger(environment, model).entries()
    assert champion_failing(entries, good["version"]["version"]) == same["champion_failing"]
    alert = champion_fails(Verdict.model_validate(same), {})
    assert alert is not None
    assert (alert.kind, alert.severity) == ("champion_fails", "critical")
    assert "at most 0.5 required" in alert.text


def test_classes_are_matched_by_name() -> None:
    """Probabilities go under their class's name; a class unknown to a model has probability 0."""
    given = np.array([[0.1, 0.7, 0.2]])
    assert align_classes(given, ["a", "b", "c"], ["b", "c", "d", "a"]).tolist() == [
        [0.7, 0.2, 0.0, 0.1]
    ]
    assert align_classes(given[:, 0], [], []).tolist() == [0.1]


def write_days(folder: Path, first: date, classes: list[str]) -> None:
    """Write eight days of sixty rows each; the class follows the distance, in equal bands.

    Args:
        folder: The folder.
        first: The first day.
        classes: One for each band.
    """
    folder.mkdir(parents=True, exist_ok=True)
    km = np.arange(60.0)
    kinds = [classes[int(value * len(classes) // 60)] for value in km]
    for day in (first + timedelta(days=n) for n in range(8)):
        rows = pl.DataFrame({"delivery_id": range(60), "distance_km": km, "kind": kinds})
        rows.with_columns(picked_up_at=pl.lit(f"{day}T12:00:00Z")).write_csv(folder / f"{day}.csv")


def test_champion_with_other_classes(
    tmp_path: Path, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A new class moves the codes of the others; the champion is compared by names, not by codes."""
    ingest = {
        "source": {"type": "files", "format": "csv", "path": "data/{yyyy}-{mm}-{dd}.csv"},
        "event_time": "picked_up_at",
        "key": ["delivery_id"],
        "label": "kind",
        "columns": {"delivery_id": "int", "distance_km": "float", "kind": "category"},
    }
    gates = [
        {"metric": name, "against": "champion", "margin": 0.1}
        for name in ("accuracy", "log_loss", "f1")
    ]
    train = {"lookback": "8d", "holdout": "2d", "rounds": 20, "min_rows": 100}
    features = "import polars as pl\nFEATURES = {'km': pl.col('distance_km')}\n"
    model = make_model(
        task="multiclass", ingest=ingest, features=features, train=train, evaluate={"gates": gates}
    )
    data = tmp_path / "models" / model / "data"
    write_days(data, date(2026, 3, 1), ["near", "zone"])
    make_champion(environment, model, run_stages(model, as_of="2026-03-09")["version"]["version"])
    write_days(data, date(2026, 3, 9), ["near", "far", "zone", "zone"])
    verdict = run_stages(model, as_of="2026-03-17", run_id="new")["verdict"]
    # The champion says near for the first half and zone for the second; "far" it cannot know.
    assert verdict["metrics"]["champion"]["accuracy"] == pytest.approx(0.75, abs=0.02)
    assert verdict["metrics"]["challenger"]["accuracy"] == pytest.approx(1.0, abs=0.02)
    assert verdict["outcome"] == "pass"
