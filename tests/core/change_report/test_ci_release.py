"""``airworthy ci release`` against a server that answers as Airflow does, and as it should not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.errors import AirworthyError

from .airflow_stand_in import PASSED, REJECTED, AirflowStandIn, airflow_stand_in
from .repository import MODEL, Repository

DONE = {"evaluate": "success", "register": "success", "release.deploy_production": "success"}
OUTPUTS: dict[str, Any] = {
    "evaluate": PASSED,
    "register": json.dumps({"version": "7"}),  # Airflow shows an output as JSON or as its text
    "release.deploy_production": {"promoted": True, "reason": "passed"},
}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowStandIn]:
    """An Airflow whose run is released, and the token for it."""
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_TOKEN", "t0ken")
    made = AirflowStandIn(looks=[("success", dict(DONE))], outputs=dict(OUTPUTS))
    with airflow_stand_in(made) as running:
        yield running


@pytest.fixture
def merged(repository: Repository) -> Repository:
    """A branch whose last commit touches the model."""
    repository.branch()
    repository.replace("model.yaml", "max_depth: 4", "max_depth: 5")
    repository.commit()
    return repository


def release(airflow: AirflowStandIn, *options: str) -> Result:
    words = ["ci", "release", "--url", f"{airflow.url}/", "--pause", "0.02", "--arrival", "0"]
    return CliRunner().invoke(app, [*words, *options])


def run_id(repository: Repository) -> str:
    return f"code_change__{repository.git('rev-parse', 'HEAD')[:12]}"


def test_a_merge_is_trained_once_with_its_reason_and_reported(
    merged: Repository, airflow: AirflowStandIn
) -> None:
    """Each new state is said once; a repeated pipeline takes up the same run."""
    airflow.looks = [
        ("queued", {}),
        ("running", {"ingest": "success", "train": "running", "evaluate": None}),
        ("running", {"ingest": "success", "train": "running", "evaluate": None}),
        ("success", dict(DONE)),
    ]
    result = release(airflow)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == f"{MODEL}: version 7 released"
    assert f"/dags/{MODEL}__train/runs/{run_id(merged)}" in result.stdout
    assert result.stderr.count("running, train, 1 of 3 tasks are done") == 1
    [started] = airflow.runs.values()
    assert (started["conf"], started["logical_date"]) == ({"reason": "code_change"}, None)

    again = release(airflow, "--json")
    assert json.loads(again.stdout)["outcome"] == "released"
    assert list(airflow.runs) == [run_id(merged)]


def test_a_merge_without_a_model_asks_nothing(
    repository: Repository, airflow: AirflowStandIn
) -> None:
    """Files that are not committed are not merged."""
    repository.branch()
    repository.write("README.md", "Other words.\n")
    repository.commit()
    repository.replace("model.yaml", "max_depth: 4", "max_depth: 5")
    result = release(airflow)
    assert (result.exit_code, airflow.requests) == (0, [])
    assert "nothing is trained" in result.stdout


REJECTION = {"evaluate": "success", "register": "success", "release.deploy_production": "skipped"}
WAITING = {**REJECTION, "release.approve": "awaiting_input", "release.deploy_production": None}
FAILED = {"ingest": "failed", "evaluate": "upstream_failed"}
HELD = {"promoted": False, "reason": "another version is under rollout"}
ENDS: dict[str, tuple[str, dict[str, str | None], dict[str, Any], int, str]] = {
    "rejected": ("success", {**REJECTION}, {"evaluate": REJECTED}, 3, "9 % worse"),
    "held": ("success", {**DONE}, {"release.deploy_production": HELD}, 3, "under rollout"),
    "waits": ("running", {**WAITING}, {}, 4, "waits for an approval"),
    "failed": ("failed", {**FAILED}, {}, 1, "the task ingest failed"),
}


@pytest.mark.parametrize("end", ENDS)
def test_each_end_has_its_exit_code_and_its_reason(
    merged: Repository, airflow: AirflowStandIn, end: str
) -> None:
    state, tasks, outputs, code, words = ENDS[end]
    airflow.looks, airflow.outputs = [(state, tasks)], OUTPUTS | outputs
    result = release(airflow)
    assert (result.exit_code, words in result.stdout) == (code, True), result.output
    later = release(airflow, "--approval-later")
    assert later.exit_code == (0 if end == "waits" else code)


def test_a_failed_run_of_the_commit_is_followed_by_another_one(
    merged: Repository, airflow: AirflowStandIn
) -> None:
    airflow.failed = {run_id(merged), f"{run_id(merged)}__2"}
    assert release(airflow).exit_code == 0
    assert list(airflow.runs) == [f"{run_id(merged)}__3"]


def test_files_that_have_not_arrived_are_waited_for(
    merged: Repository, airflow: AirflowStandIn
) -> None:
    """Airflow names the commit of its files: former ones would be trained in their place."""
    old = merged.git("rev-parse", "HEAD^").strip()
    airflow.bundles = [old]
    late = release(airflow)
    assert (late.exit_code, airflow.runs) == (75, {})
    assert "has not read the merged files yet" in late.stdout
    airflow.bundles = [old, old, merged.git("rev-parse", "HEAD").strip()]
    assert release(airflow, "--arrival", "1").exit_code == 0
    airflow.bundles = ["f" * 40]  # A later merge, which this clone does not have.
    assert release(airflow).exit_code == 0


@pytest.mark.parametrize("status", [502, 503, 500, 429])
def test_an_airflow_that_restarts_is_waited_for(
    merged: Repository, airflow: AirflowStandIn, status: int
) -> None:
    airflow.first = [status] * 3
    result = release(airflow)
    assert result.exit_code == 0, result.output
    assert "looking again" in result.stderr


def test_a_run_that_does_not_end_is_given_up_and_may_be_taken_up_again(
    merged: Repository, airflow: AirflowStandIn
) -> None:
    airflow.looks = [("running", {"train": "running"})]
    result = release(airflow, "--minutes", "0")
    assert result.exit_code == 75
    assert "it has not ended within 0 s" in result.stdout


def test_a_password_gets_a_new_token_when_one_is_over(
    merged: Repository, airflow: AirflowStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRWORTHY_AIRFLOW_TOKEN")
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_USER", "ci")
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_PASSWORD", "s3cret")
    tokens = airflow.tokens

    def forget(method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        answer = AirflowStandIn.answer(airflow, method, path, body)
        if method == "POST":
            airflow.tokens = set()  # As after a change of the signing key.
        return answer

    monkeypatch.setattr(airflow, "answer", forget, raising=False)
    result = release(airflow)
    assert result.exit_code == 0, result.output
    assert [path for _, path in airflow.requests].count("/auth/token") == 2
    assert airflow.tokens != tokens
    assert "s3cret" not in result.output


def problem(result: Result) -> str:
    """Return a refusal in words: of the command, or of one model."""
    error = result.exception
    return f"{result.output}{error}" if isinstance(error, AirworthyError) else result.output


def test_logins_that_do_not_count_are_refused_without_showing_them(
    merged: Repository, airflow: AirflowStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token, user, password, words in (
        ("wr0ng", "", "", "does not accept the token"),
        ("", "ci", "wr0ng", "does not accept this name"),
        ("", "ci", "", "no password"),
        ("", "", "", "there is no login at Airflow"),
    ):
        monkeypatch.setenv("AIRWORTHY_AIRFLOW_TOKEN", token)
        monkeypatch.setenv("AIRWORTHY_AIRFLOW_USER", user)
        monkeypatch.setenv("AIRWORTHY_AIRFLOW_PASSWORD", password)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(merged.project / "nothing"))
        result = release(airflow)
        assert result.exit_code == 1, result.output
        assert words in problem(result)
        assert "wr0ng" not in problem(result)
    assert airflow.runs == {}


def test_a_paused_dag_and_one_that_is_not_there_start_nothing(
    merged: Repository, airflow: AirflowStandIn
) -> None:
    airflow.paused = True
    paused = release(airflow)
    assert (paused.exit_code, "is paused" in paused.stdout) == (1, True)
    merged.replace("model.yaml", f"model: {MODEL}", "model: other")
    (merged.models / MODEL).rename(merged.models / "other")
    merged.commit()
    missing = release(airflow)
    assert (missing.exit_code, "no DAG other__train" in missing.stdout) == (1, True)
    assert airflow.runs == {}


@pytest.mark.parametrize("content", ["<html>sign in</html>", "[]", "null", '{"state": 5}', ""])
def test_answers_that_are_not_of_airflow_end_in_words(
    merged: Repository,
    airflow: AirflowStandIn,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    """A login page of a proxy, another API, an empty page: no traceback, and no success."""
    monkeypatch.setattr(airflow, "answer", lambda *_: (200, content), raising=False)
    result = release(airflow, "--minutes", "0")
    assert result.exit_code in (1, 75), result.output
    assert result.exception is None or isinstance(result.exception, (SystemExit, AirworthyError))


@pytest.mark.parametrize("url", ["airflow", "ftp://x", "", "http://ci:s3cret@127.0.0.1:1"])
def test_an_address_that_is_none_or_has_a_login_is_refused(
    merged: Repository, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_TOKEN", "t0ken")
    result = CliRunner().invoke(app, ["ci", "release", "--url", url])
    assert result.exit_code != 0
    assert "s3cret" not in problem(result)


def test_no_airflow_at_the_address_may_pass(
    merged: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRWORTHY_AIRFLOW_TOKEN", "t0ken")
    result = CliRunner().invoke(
        app, ["ci", "release", "--url", "http://127.0.0.1:9", "--arrival", "0"]
    )
    assert result.exit_code == 75
    assert "cannot be reached" in problem(result)
