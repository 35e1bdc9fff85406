"""Reading the DAG files: cheap, complete, and one broken spec harms nobody else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.models.shipped import SHIPPED as MODELS

from .conftest import SCORING, SHIPPED, copy_models

if TYPE_CHECKING:
    from .conftest import Parse

KINDS = ("monitor", "rollback", "score", "train")
RELEASE = ["release.deploy_production"]
CHAIN = {
    "ingest": "validate",
    "validate": "train",
    "train": "evaluate",
    "evaluate": "register",
    "register": "release.deploy_staging",
    "release.deploy_staging": "release.deploy_production",
}


def _scores(model: str) -> bool:
    return "\nscore:" in (SHIPPED / model / "model.yaml").read_text(encoding="utf-8")


def test_the_shipped_models_have_their_dags_and_no_heavy_library_is_imported(parse: Parse) -> None:
    """Parsing costs as much as Airflow itself: none of the tasks' libraries is imported for it."""
    result = parse()
    assert result["errors"] == {}
    every = {f"{model}__{kind}" for model in MODELS for kind in KINDS}
    assert set(result["dags"]) == every - {
        f"{model}__score" for model in MODELS if not _scores(model)
    }
    assert result["heavy"] == []


def test_moved_aliases_are_put_back_without_a_toggle(parse: Parse) -> None:
    """One DAG for all models waits for a report of a moved alias; nobody has to turn it on."""
    dag = parse()["aliases"]
    assert dag["tasks"] == {"put_back": []}
    assert dag["schedule"] == "AssetTriggeredTimetable"
    assert dag["paused_at_first"] is False
    assert dag["documented"]


def test_every_dag_delivers_in_the_documented_order(parse: Parse) -> None:
    """Ingest >> validate >> train >> evaluate >> register >> release, each with retries and a page
    of its own.
    """
    trains = {dag_id: dag for dag_id, dag in parse()["dags"].items() if dag_id.endswith("__train")}
    assert len(trains) == len(MODELS)
    for dag_id, dag in trains.items():
        assert set(dag["tasks"]) == {*CHAIN, *RELEASE}, dag_id
        for task, following in CHAIN.items():
            assert following in dag["tasks"][task], f"{dag_id}: {task}"
        assert dag["retries"] == [2]
        assert dag["documented"]
        assert dag["catchup"] is False


def test_a_dag_tells_what_its_spec_says(parse: Parse) -> None:
    """Owner, tags, gates, schedule and form in Airflow's UI come from the spec."""
    dag = parse()["dags"]["delivery_eta__train"]
    assert dag["owner"] == "logistics-ml@example.org"
    assert dag["tags"] == ["airworthy", "delivery_eta", "regression", "train"]
    assert dag["schedule"] == "CronDataIntervalTimetable"
    assert "`rmse` at most 6" in dag["doc"]
    assert dag["params"] == {
        "as_of": None,
        "reason": None,
        "parameters": {},
        "promote": "auto",
        "refresh": None,
    }


ADDRESSES = ("LAKE", "TRACKING_URI", "ARTIFACTS", "SERVER_URL", "STAGING_SERVER_URL", "FLAGS")
WATCHED = {
    "staging": ["rollout_shadow", "rollout_50"],
    "production": ["rollout_shadow", "rollout_10", "rollout_50"],
}


@pytest.mark.parametrize("environment", WATCHED)
def test_a_release_has_the_tasks_that_its_environment_asks_for(
    parse: Parse, environment: str
) -> None:
    """Approval only as required; a task for each guarded step, one after the other; one to clean
    up.
    """
    variables = {f"AIRWORTHY_{name}": "/somewhere" for name in ADDRESSES}
    dag = parse(AIRWORTHY_ENV=environment, **variables)["dags"]["delivery_eta__train"]
    approve = ["approve"] if environment == "production" else []
    path = ["deploy_staging", *approve, *WATCHED[environment], "deploy_production", "end_rollout"]
    assert {task for task in dag["tasks"] if task.startswith("release.")} == {
        f"release.{name}" for name in path
    }
    for task, following in pairwise(path):
        assert f"release.{following}" in dag["tasks"][f"release.{task}"]
    assert dag["documented"]
    assert ("a person approves it" in dag["doc"]) == bool(approve)
    assert "in shadow for 1" in dag["doc"]


def test_a_spec_says_more_of_its_release_than_the_environment(parse: Parse, tmp_path: Path) -> None:
    """The spec's wishes hold on an engineer's own machine too."""
    copy_models(tmp_path / "models", ["careful"])
    spec = tmp_path / "models" / "careful" / "model.yaml"
    release = "\nrelease: {approval: required, approvers: [ada], rollout: [25, full], bake: 2h}\n"
    spec.write_text(spec.read_text(encoding="utf-8") + release, encoding="utf-8")
    dag = parse(tmp_path / "models")["dags"]["careful__train"]
    assert {"release.approve", "release.rollout_25"} <= set(dag["tasks"])
    assert "a person approves it (`ada`)" in dag["doc"]
    assert "25 % of the requests for 2h" in dag["doc"]
    assert "PSI at most 0.25" in dag["doc"]


def test_a_hundred_models_give_a_hundred_dags_of_each_kind(parse: Parse, tmp_path: Path) -> None:
    """One small file a kind makes every model's DAG, however many there are, without a heavy
    import.
    """
    copy_models(tmp_path / "models", [f"model_{number:03d}" for number in range(100)], SCORING)
    result = parse(tmp_path / "models")
    assert result["errors"] == {}
    assert len(result["dags"]) == 100 * len(KINDS)
    assert result["heavy"] == []


def test_a_task_reads_its_own_model_only(parse: Parse, tmp_path: Path) -> None:
    """The process of one DAG's task builds this DAG and no other."""
    copy_models(tmp_path / "models", ["first", "second"])
    result = parse(tmp_path / "models", _AIRFLOW_PARSING_CONTEXT_DAG_ID="second__train")
    assert list(result["dags"]) == ["second__train"]


BREAKS = {
    "not yaml": ("model: {", "not valid YAML"),
    "empty": ("", "a spec is a mapping"),
    "unknown key": ("model: second\nflies: true\n", "flies"),
    "another's name": (None, "folder"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_spec_is_named_and_leaves_the_others_standing(
    parse: Parse, tmp_path: Path, broken: str
) -> None:
    """The import error names file, fault and allowed value; every healthy model keeps its DAG."""
    copy_models(tmp_path / "models", ["first", "second", "third"], SCORING)
    content, words = BREAKS[broken]
    spec = tmp_path / "models" / "second" / "model.yaml"
    spec.write_text(
        spec.read_text().replace("model: second", "model: other") if content is None else content
    )
    result = parse(tmp_path / "models")
    assert sorted(result["dags"]) == [
        f"{model}__{kind}" for model in ("first", "third") for kind in KINDS
    ]
    [(path, error)] = result["errors"].items()
    assert path.endswith("broken_specs.py")
    assert str(spec) in error
    assert words in error
    assert "received" in error
    assert "allowed" in error


def test_every_broken_spec_is_listed_at_once(parse: Parse, tmp_path: Path) -> None:
    """Three broken specs are three errors, not one."""
    copy_models(tmp_path / "models", ["first", "second", "third", "fourth"], SCORING)
    for name in ("first", "second", "third"):
        (tmp_path / "models" / name / "model.yaml").write_text(f"model: {name}\n", encoding="utf-8")
    result = parse(tmp_path / "models")
    assert sorted(result["dags"]) == [f"fourth__{kind}" for kind in KINDS]
    [error] = result["errors"].values()
    assert "3 model specs are broken" in error
    assert all(f"{name}/model.yaml" in error for name in ("first", "second", "third"))


def _with_asset(folder: Path, name: str, asset: str, *, schedule: bool = True) -> None:
    copy_models(folder, [name])
    spec = folder / name / "model.yaml"
    text = spec.read_text(encoding="utf-8").replace(
        "  event_time:", f"  asset: {asset}\n  event_time:", 1
    )
    spec.write_text(
        text if schedule else text.replace('schedule: "0 2 * * *"\n', "", 1), encoding="utf-8"
    )


def test_new_data_of_a_source_train_beside_the_clock_or_alone(parse: Parse, tmp_path: Path) -> None:
    """A source with an asset makes the train DAG asset-aware, with the schedule or without one."""
    _with_asset(tmp_path / "models", "both", "{name: rides, uri: 's3://lake/rides'}")
    _with_asset(
        tmp_path / "models", "alone", "{name: rides, uri: 's3://lake/rides'}", schedule=False
    )
    dags = parse(tmp_path / "models")["dags"]
    assert dags["both__train"]["schedule"] == "AssetOrTimeSchedule"
    assert dags["alone__train"]["schedule"] == "AssetTriggeredTimetable"
    assert "in the asset `rides` starts a run, beside the schedule" in dags["both__train"]["doc"]
    assert dags["both__monitor"]["schedule"] == "CronDataIntervalTimetable"


def test_an_asset_that_airflow_refuses_breaks_its_own_spec_alone(
    parse: Parse, tmp_path: Path
) -> None:
    """A fault known to Airflow alone is named like any other, and every other model keeps its DAGs."""
    _with_asset(tmp_path / "models", "second", "{uri: 'airflow://rides'}")
    copy_models(tmp_path / "models", ["first"])
    result = parse(tmp_path / "models")
    assert {dag_id.partition("__")[0] for dag_id in result["dags"]} == {"first"}
    [error] = result["errors"].values()
    assert (
        "second/model.yaml: ingest.asset: Airflow refuses it: Asset scheme 'airflow' is reserved"
        in error
    )
