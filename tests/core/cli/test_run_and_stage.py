"""``airworthy stage`` as a container uses it, and ``airworthy run``'s exit code."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from airworthy.cli.caller import user_name
from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError, TerminalPlaceError
from airworthy.handover.catalogue import STAGES
from airworthy.stage_input import pack
from airworthy.stage_results import read_result, remove_result
from airworthy.traffic.current_traffic import current_champion
from airworthy.working_tree.folder_digest import DIGEST_VARIABLE, folder_digest

from ..champions import make_champion  # noqa: TID252 - tests are no installed package

FEATURES = "import polars as pl\nprint('a word from the features')\nFEATURES = {'km': pl.col('distance_km')}\n"
SPEC: dict[str, Any] = {
    "model": "small_model", "task": "regression", "owner": "tests",
    "ingest": {
        "source": {"type": "simulator", "rows_per_day": 300}, "event_time": "picked_up_at", "key": ["delivery_id"],
        "label": "minutes", "columns": {"delivery_id": "int", "distance_km": "float", "minutes": "float"},
    },
    "train": {"lookback": "6d", "holdout": "2d", "rounds": 30, "min_rows": 100},
    "evaluate": {"gates": [{"metric": "rmse", "against": "champion", "margin": 0.02}]},
}  # fmt: skip


@pytest.fixture
def model(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small model, the only one known; its features print something."""
    folder = tmp_path / "models" / "small_model"
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    (folder / "features.py").write_text(FEATURES, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_MODELS", str(folder.parent))
    return "small_model"


def invoke(*words: str, given: str | None = None) -> Result:
    """Run a command of the console."""
    return CliRunner().invoke(app, list(words), input=given)


def test_stage_prints_its_result_and_nothing_else(model: str) -> None:
    """Standard output is one JSON object, whatever the features or a library print; it goes into
    the next stage.
    """
    day = ["--model", model, "--as-of", "2026-03-20", "--run-id", "r"]
    ingested = invoke("stage", "ingest", *day)
    payload = {"dataset": json.loads(ingested.stdout)}
    trained = invoke("stage", "train", *day, "--input", "-", given=json.dumps(payload))
    assert json.loads(trained.stdout)["model"] == model
    assert "a word from the features" in trained.stderr


def test_user_without_a_name(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, a user may be a number without a name, and variables are no name."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "alice")
    assert user_name() == pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 54_321_987)
    assert user_name() == "uid 54321987"
    assert invoke("stage", "ingest", "--model", model, "--as-of", "2026-03-20").exit_code == 0


def test_run_that_is_no_object(model: str) -> None:
    """An input with another ``run`` is refused in words."""
    result = invoke("stage", "ingest", "--model", model, "--input", "-", given='{"run": 5}')
    assert isinstance(result.exception, TerminalError)
    assert "5" in str(result.exception)


def test_version_that_was_rejected_before_exits_3(model: str, environment: Environment) -> None:
    """A candidate that failed once and passes now is not released; the exit code tells so."""
    day = ["run", model, "--as-of", "2026-03-20", "--no-release"]
    first = invoke(*day, "--json")
    told = json.loads(first.stdout)  # and nothing else, whatever the features print
    assert (first.exit_code, told["model"], told["version"]["version"]) == (0, model, "1")
    assert (told["verdict"]["releasable"], told["deployment"]) == (True, None)
    make_champion(environment, model, "1")
    weak, weaker = ([*day, "-p", f"learning_rate={rate}"] for rate in ("0.0001", "0.00001"))
    assert (invoke(*weak).exit_code, invoke(*weaker).exit_code) == (3, 3)
    make_champion(environment, model, "3")
    again = invoke(*weak, "--release")
    assert current_champion(environment, model) == "3"
    assert "rejected before" in again.stdout
    assert again.exit_code == 3


def test_command_line_wins_over_the_payload(model: str) -> None:
    """Options of the command line win; the payload fills in the rest."""
    given = json.dumps({"run": {"as_of": "2026-03-10T00:00:00Z", "run_id": "from-payload"}})
    result = invoke(
        "stage", "ingest", "--model", model, "--as-of", "2026-03-20", "--input", "-", given=given
    )
    assert json.loads(result.stdout)["window"]["end"] == "2026-03-20T00:00:00Z"
    result = invoke("stage", "ingest", "--model", model, "--input", "-", given=given)
    assert json.loads(result.stdout)["window"]["end"] == "2026-03-10T00:00:00Z"


def test_exit_code_says_whether_to_try_again(model: str, environment: Environment) -> None:
    """A caller retries a passing fault (75: no server at the address) and nothing else (1: a bad
    day).
    """
    payload: dict[str, Any] = {}
    day = ["--model", model, "--as-of", "2026-03-20", "--run-id", "r"]
    for stage in list(STAGES.values())[:5]:
        done = command("stage", stage.name, *day, "--input", "-", given=json.dumps(payload))
        payload[stage.output] = json.loads(done.stdout)
    unreachable = command(
        "stage", "deploy_staging", *day, "--input", "-", given=json.dumps(payload)
    )
    assert (unreachable.returncode, "Traceback" in unreachable.stderr) == (75, False)
    wrong = command("stage", "ingest", "--model", model, "--as-of", "yesterday")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)


def command(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the console command in a process of its own, as a container would."""
    line = [sys.executable, "-m", "airworthy", *words]
    return subprocess.run(line, input=given, capture_output=True, text=True, check=False)


def test_a_container_gets_its_input_in_a_variable_and_leaves_its_result_in_a_file(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output and error are for people; the result is the file's whole content."""
    run = {"as_of": "2026-03-10T00:00:00Z", "run_id": "packed", "reason": "backfill"}
    monkeypatch.setenv("AIRWORTHY_STAGE_INPUT", pack({"run": run}))
    output = tmp_path / "result.json"
    done = invoke(
        "stage",
        "ingest",
        "--model",
        model,
        "--input",
        "env:AIRWORTHY_STAGE_INPUT",
        "--output",
        str(output),
    )
    assert done.exit_code == 0
    assert json.loads(output.read_text())["window"]["end"] == "2026-03-10T00:00:00Z"
    assert done.stdout == ""


@pytest.mark.parametrize("packed", [None, "{}"])
def test_input_that_is_not_there_or_not_packed(
    model: str, monkeypatch: pytest.MonkeyPatch, packed: str | None
) -> None:
    """The variable is named."""
    monkeypatch.delenv("AIRWORTHY_STAGE_INPUT", raising=False)
    if packed is not None:
        monkeypatch.setenv("AIRWORTHY_STAGE_INPUT", packed)
    result = invoke("stage", "ingest", "--model", model, "--input", "env:AIRWORTHY_STAGE_INPUT")
    assert isinstance(result.exception, TerminalError)
    assert "AIRWORTHY_STAGE_INPUT" in str(result.exception)


def test_a_pods_stage_leaves_its_result_beside_the_lake(model: str) -> None:
    """Its caller reads it by its name, and removes it. The addresses are portable."""
    day = ["--model", model, "--as-of", "2026-03-20", "--run-id", "by hand: 1"]
    done = invoke("stage", "ingest", *day, "--output", "handover:pod-1", "--json")
    assert done.exit_code == 0, done.output
    run = {"model": model, "run_id": "by hand: 1"}
    environment = load_environment()
    (stored,) = Path(environment.lake).rglob("handover/pod-1.json")
    assert environment.lake not in stored.read_text(encoding="utf-8")
    result = read_result(environment, run, "pod-1")
    assert result is not None
    assert result["table"].startswith(environment.lake)
    remove_result(environment, run, "pod-1")
    assert read_result(environment, run, "pod-1") is None


def test_a_stage_in_an_image_with_another_model_folder_is_refused(
    model: str, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence would name code that did not run. The error is in a file, short enough for a pod."""
    monkeypatch.setenv(DIGEST_VARIABLE, folder_digest(load_environment().models / model))
    file, command = tmp_path / "error", ["stage", "validate", "--model", model]
    lacking = invoke(*command, "--error", str(file))
    assert "the stage's input lacks 'dataset'" in json.loads(file.read_text())["message"]
    assert isinstance(lacking.exception, TerminalError)
    features = load_environment().models / model / "features.py"
    features.write_text(FEATURES + "# another commit", encoding="utf-8")
    refused = invoke(*command, "--error", str(file))
    assert isinstance(refused.exception, TerminalPlaceError)
    error = json.loads(file.read_text())
    assert (error["kind"], error["exit_code"]) == ("place", 1)
    assert "another model folder" in error["message"]
