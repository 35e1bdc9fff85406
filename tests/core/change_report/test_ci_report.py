"""``airworthy ci report`` on changes of a real repository: worse, better, new, none."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.environment import load_environment
from airworthy.ledger import open_ledger

from .repository import AS_OF, BAD, GOOD, MODEL, Repository

QUICK = ("--as-of", AS_OF, "--no-deliver")


def invoke(*options: str) -> Result:
    return CliRunner().invoke(app, ["ci", "report", *options])


def reported(*options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the report as JSON."""
    result = invoke("--json", *QUICK, *options)
    assert result.stdout, result.output
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_change_that_makes_the_model_worse_may_not_be_merged(
    repository: Repository, tmp_path: Path
) -> None:
    """The gate is named, the plots lie beside the report, and nothing is left anywhere else."""
    repository.branch()
    repository.replace("model.yaml", GOOD, BAD)
    repository.commit()
    before, output = digests(repository.project), tmp_path / "out" / "report.md"

    result = invoke(*QUICK, "--output", str(output))

    text = output.read_text(encoding="utf-8")
    assert result.exit_code == 1, result.output
    assert result.stdout == f"{MODEL}: may not be merged\n"
    assert text.startswith("# ❌ Models: may not be merged")
    assert "| ❌ fail | `rmse against champion` |" in text
    assert "the base commit" in text
    assert "| `train.parameters.learning_rate` | `0.3` | `0.001` |" in text
    assert {each.name for each in output.parent.iterdir()} == {
        "report.md",
        f"{MODEL}-evaluation.png",
        f"{MODEL}-report.html",
    }
    assert digests(repository.project) == before
    assert not list((tmp_path / "state").glob("*"))


def test_a_change_that_makes_the_model_better_may_be_merged(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a fork, too, which has no variables of an environment: its base is compared with.

    The report says why, and how many days it was trained on.
    """
    repository.write("include/environments/production.yaml", "lake: ${NO_LAKE}\n")
    monkeypatch.setenv("AIRWORTHY_ENV", "production")
    repository.replace("model.yaml", GOOD, BAD)
    repository.branch()
    repository.replace("model.yaml", BAD, GOOD)

    code, report = reported("--days", "7", "--base", "main")

    [model] = report["models"]
    assert (code, report["may_be_merged"], model["reasons"]) == (0, "yes", [])
    assert {gate["gate"]: gate["outcome"] for gate in model["verdict"]["gates"]}[
        "rmse against champion"
    ] == "pass"
    assert (model["sample"]["days"], model["sample"]["of_days"]) == (8, 10)  # a day of label delay
    assert len(model["dataset"]["partitions"]) == 8
    assert "NO_LAKE is not set" in report["environment"]
    assert "the base commit" in model["compared_with"]


def test_a_change_that_touches_no_model_trains_nothing(repository: Repository) -> None:
    repository.branch()
    repository.write("README.md", "Other words.\n")
    repository.write("dags/other.py", "A = 1\n")
    repository.commit()

    result = invoke("--base", "main")

    assert result.exit_code == 0, result.output
    assert "No model is touched: nothing was trained." in result.stdout
    assert "airworthy test" not in result.stderr


def test_a_change_of_the_locked_libraries_trains_each_model(repository: Repository) -> None:
    """Of the same folder the base would train the same model: it is judged by its other gates."""
    repository.branch()
    repository.write("requirements.txt", "xgboost==3.2.0\n")

    code, report = reported()

    [model] = report["models"]
    assert (code, model["touched"]["shared"]) == (0, ["requirements.txt"])
    assert "the folder is as at the base" in model["compared_with"]


def test_the_champion_of_the_registry_is_compared_with_and_nothing_is_written_there(
    repository: Repository, tmp_path: Path
) -> None:
    """The change drops a gate and adds a broken one to its tests: neither goes unnoticed."""
    run = CliRunner().invoke(app, ["run", MODEL, "--as-of", AS_OF, "--no-release"])
    assert run.exit_code == 0, run.output
    release = CliRunner().invoke(app, ["release", MODEL, "1"])
    assert release.exit_code == 0, release.output
    repository.branch()
    repository.replace("model.yaml", "max_depth: 4", "max_depth: 1")
    repository.replace("model.yaml", "margin: 0.02}", "margin: 0.9}")
    written = digests(tmp_path / "state")
    ledger = len(open_ledger(load_environment(), MODEL).entries())

    code, report = reported()

    [model] = report["models"]
    assert model["compared_with"] == "champion version 1 of the environment local"
    assert model["verdict"]["champion_version"] == "1"
    assert [key["key"] for key in model["keys"] if key["judges"]] == ["evaluate.gates[]"] * 2
    assert code in (0, 1)
    assert digests(tmp_path / "state") == written
    assert len(open_ledger(load_environment(), MODEL).entries()) == ledger


def test_new_removed_and_broken_models_are_told_apart(repository: Repository) -> None:
    """A new one is judged without a champion, a removed one is not, a broken one has its faults.

    Unfit data stop the run of their model, and the failed check is in the report.
    """
    shutil.copytree(repository.models / MODEL, repository.models / "old")
    shutil.copytree(repository.models / MODEL, repository.models / "broken")
    for name in ("old", "broken"):
        repository.replace("model.yaml", f"model: {MODEL}", f"model: {name}", name)
    repository.branch()
    shutil.rmtree(repository.models / "old")
    repository.replace("model.yaml", "task: regression", "task: regretion", "broken")
    shutil.copytree(repository.models / MODEL, repository.models / "fresh")
    repository.replace("model.yaml", f"model: {MODEL}", "model: fresh", "fresh")
    repository.replace("model.yaml", "better_by: 0.02", "better_by: 0.99", "fresh")
    shutil.copytree(repository.models / MODEL, repository.models / "unfit")
    repository.replace("model.yaml", f"model: {MODEL}", "model: unfit", "unfit")
    repository.replace(
        "model.yaml", "max_value: 200, mostly: 0.99, severity: warning", "max_value: 1", "unfit"
    )

    code, report = reported()

    found = {each["model"]: each for each in report["models"]}
    kinds = {name: (each["touched"]["kind"], each["may_be_merged"]) for name, each in found.items()}
    assert code == 1
    assert kinds == {
        "broken": ("changed", "no"),
        "fresh": ("new", "no"),
        "old": ("removed", "yes"),
        "unfit": ("new", "no"),
    }
    assert "regretion" in str(found["broken"]["reasons"])
    assert any("rmse against baseline: fail" in each for each in found["fresh"]["reasons"])
    assert found["unfit"]["reasons"][0].startswith("validate: unfit validate: 1 critical check")
    failed = [check for check in found["unfit"]["validation"]["checks"] if not check["success"]]
    assert [(check["check"], check["column"]) for check in failed] == [
        ("expect_column_values_to_be_between", "distance_km")
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--base", "nowhere"], "no such commit"),
        (["--against", "luck"], "champion or base"),
        (["--days", "0"], "greater than or equal to 1"),
        (["--as-of", "yesterday"], "yesterday"),
    ],
)
def test_wrong_options_are_refused_in_words(
    repository: Repository, options: list[str], words: str
) -> None:
    repository.branch()
    result = invoke(*options)
    assert result.exit_code != 0
    assert words in result.output + str(result.exception)
