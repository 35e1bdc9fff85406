"""A version keeps what made it, and an environment can refuse what no commit has."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import load_environment
from airworthy.release.dirty_trees import tree_blocker

from ..working_tree.repository import MODEL  # noqa: TID252 - tests are no installed package
from .conftest import FEATURES, Story

FILES = [f"include/models/{MODEL}/{name}" for name in ("features.py", "model.yaml")]


def run(*words: str) -> str:
    """Run the console command to a good end and return its output."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout


def test_a_version_of_a_dirty_tree_is_tagged_with_its_files_and_their_diff(story: Story) -> None:
    """The tags of dirty and diff are MLflow's own; the hyperparameters are tags too."""
    tags = story.dirty_tags
    assert tags["mlflow.source.git.dirty"] == "true"
    assert set(FILES) <= set(tags["airworthy.dirty_files"].splitlines())
    assert '+FEATURES = {"km": pl.col("km")}' in tags["mlflow.source.git.diff"]
    assert tags["mlflow.source.git.commit"] == tags["airworthy.git_commit"] != story.commit
    assert tags["parameter.max_depth"] == "3"


def test_an_environment_that_says_nothing_refuses_it_and_says_the_way_out(story: Story) -> None:
    """Neither its training nor its release begins."""
    for refusal in story.refusals.values():
        assert all(name in str(refusal) for name in FILES)
        assert "release.dirty_trees of the environment strict is refuse" in str(refusal)
        assert f"commit them (git add {story.repository.model}; git commit)" in str(refusal)
    assert set(story.refusals) == {"train", "deploy_staging"}


def test_the_same_files_after_a_commit_are_the_same_version_and_are_not_refused(
    story: Story,
) -> None:
    """The version names the commit that has its files from then on."""
    tags, environment = story.tags("1"), load_environment()
    strict = environment.model_copy(
        update={"release": environment.release.model_copy(update={"dirty_trees": "refuse"})}
    )
    assert story.again == "1"
    assert (tags["mlflow.source.git.dirty"], tags["airworthy.git_commit"]) == (
        "false",
        story.commit,
    )
    assert "mlflow.source.git.diff" not in tags
    assert tree_blocker(strict, story.dirty_tags) is not None
    assert tree_blocker(strict, tags) is None
    unknown = tree_blocker(strict, {"mlflow.source.git.dirty": "unknown"})
    assert unknown is not None
    assert "nobody knows whether its files are committed" in unknown


def test_show_prints_the_files_of_a_version_after_they_were_changed_and_removed(
    story: Story,
) -> None:
    """Byte by byte, and with the model's folder gone."""
    done = CliRunner().invoke(app, ["show", f"{MODEL}/1", "--spec"])
    assert done.stdout_bytes == story.spec
    assert run("show", MODEL, "1", "--features") == FEATURES
    assert run("show", f"{MODEL}/1", "--diff") == ""
    file = json.loads(run("show", f"{MODEL}/1", "--features", "--json"))
    assert (file["file"], file["content"]) == ("features.py", FEATURES)
    assert '+FEATURES = {"km": pl.col("km"), "hour"' in run("show", f"{MODEL}/2", "--diff")


def test_show_tells_what_a_version_is(story: Story) -> None:
    """Code, data, parameters, metrics, verdict, who and when."""
    text = run("show", f"{MODEL}/1")
    for part in (story.commit, "clean", "6 days with rows", "max_depth", "rmse", "by ada, run one"):
        assert part in text
    record = json.loads(run("show", f"{MODEL}/2", "--json"))
    assert record["code"]["dirty"] is True
    assert record["dataset"]["rows"] == 370
    refused = CliRunner().invoke(app, ["show", f"{MODEL}/2", "--behaviour"])
    assert "keeps no behaviour.py" in str(refused.exception)


def test_diff_names_each_change_between_two_versions(story: Story) -> None:
    """A restated day, a shifted column, a parameter, a feature."""
    text = run("diff", f"{MODEL}/1", f"{MODEL}/2")
    for part in (
        "360 -> 370 (+10)",
        "2026-03-20",
        "2026-03-14",
        "2026-03-17: 60 -> 70 rows (restated)",
        "km: distance",
        "3 -> 2",
        '-FEATURES = {"km": pl.col("km")}',
        '+FEATURES = {"km": pl.col("km"), "hour": pl.col("at").dt.hour()}',
        f"tree:    clean -> dirty: {FILES[0]}",
    ):
        assert part in text, text
    told = json.loads(run("diff", f"{MODEL}/1", f"{MODEL}/2", "--json"))
    shifted = {(shift["column"], shift["aspect"]) for shift in told["data"]["shifts"]}
    assert {column for column, _ in shifted} == {"km", "minutes"}  # the key shifts every day
    assert told["parameters"] == {"max_depth": ["3", "2"]}
    assert told["data"]["new_days"] == ["2026-03-20"]
    assert set(told["files"]) == {"features.py", "model.yaml"}
    assert told["metrics"]["rmse"][0] > 0
