"""The whole path on real parts: two releases and a rollback, predictions in lake and spool, asked
from every end.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError
from airworthy.handover.catalogue import STAGES
from airworthy.ledger import open_ledger
from airworthy.ledger.events import (
    AliasMove,
    LedgerEvent,
    Registration,
    RolloutStep,
    RolloutStopped,
)
from airworthy.lineage.graph import Node
from airworthy.lineage.lineage_answer import LineageAnswer
from airworthy.lineage.reference import ALLOWED
from airworthy.lineage.trace import trace
from airworthy.predictions.collect import collect
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES, LET_THROUGH, small_spec  # noqa: TID252 - tests are no installed package

MODEL = "small_model"


@dataclass(frozen=True)
class History:
    """The history as its makers know it: the runs' stage outputs, and the ids of predictions."""

    environment: Environment
    first: dict[str, Any]
    second: dict[str, Any]
    by_second: str
    by_first_again: str


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Version 1 is released, then version 2; it answers and is rolled back; then version 1 answers
    again.
    """
    folder = tmp_path_factory.mktemp("lineage")
    write_model(folder / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_STATE", str(folder / "state"))
        patch.setenv("AIRWORTHY_MODELS", str(folder / "models"))
        environment = load_environment()
        with running_server(environment) as server:
            patch.setenv("AIRWORTHY_SERVER_URL", server.url)
            first, second = release("one", "2026-03-20"), release("two", "2026-03-21")
            by_second = ask(server.url)
        collect(environment, MODEL)
        with running_server(environment) as server:
            patch.setenv("AIRWORTHY_SERVER_URL", server.url)
            run_stage(
                "rollback",
                {"run": second["run"] | {"run_id": "back"}, "rollback_request": {"reason": "rain"}},
            )
            yield History(environment, first, second, by_second, ask(server.url))


def write_model(models: Path) -> None:
    """Write a small model."""
    import yaml

    (models / MODEL).mkdir(parents=True)
    # Its gates let every version through: which of them is better is of no interest here.
    spec = small_spec(MODEL, evaluate=LET_THROUGH)
    (models / MODEL / "model.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (models / MODEL / "features.py").write_text(FEATURES, encoding="utf-8")


def release(run_id: str, as_of: str) -> dict[str, Any]:
    """Run all stages of a release."""
    run = {
        "model": MODEL,
        "as_of": f"{as_of}T00:00:00Z",
        "reason": "manual",
        "run_id": run_id,
        "requested_by": "ann",
    }
    payload: dict[str, Any] = {"run": run | {"dag_id": f"{MODEL}__train"}}
    for name, stage in STAGES.items():
        payload[stage.output] = run_stage(name, payload)
    return payload


def ask(url: str) -> str:
    """Ask for a prediction as anybody would; return its id."""
    example = httpx.get(f"{url}/models/{MODEL}/example", trust_env=False).json()
    answer = httpx.post(f"{url}/models/{MODEL}/invocations", json=example, trust_env=False)
    assert answer.status_code == 200, answer.text
    return f"{answer.json()['id']}:1"


def kinds(answer: LineageAnswer, part: str) -> list[str]:
    """Return the kinds of nodes in one part of an answer."""
    return [node.kind for node in answer.nodes() if answer.position(node.id) == part]


def only(answer: LineageAnswer, kind: str) -> Node:
    """Return the only node of a kind."""
    [node] = [node for node in answer.nodes() if node.kind == kind]
    return node


def test_what_made_this_prediction(history: History) -> None:
    """A prediction's id is enough for everything behind it, each thing after its causes."""
    answer = trace(history.environment, history.by_second)
    assert (answer.kind, answer.model, answer.versions()) == ("prediction", MODEL, ["2"])
    before = kinds(answer, "before")
    chain = [
        "source",
        "partition",
        "dataset",
        "validation",
        "training",
        "verdict",
        "version",
        "staging",
        "deployment",
    ]
    assert [kind for kind in dict.fromkeys(before) if kind in chain] == chain
    assert before.count("partition") == 8
    assert only(answer, "dataset").facts["digest"] == history.second["dataset"]["digest"]
    assert (
        only(answer, "training").facts["mlflow_run_id"]
        == history.second["challenger"]["mlflow_run_id"]
    )
    partitions = {
        n.facts["partition"]: n.facts["digest"] for n in answer.nodes() if n.kind == "partition"
    }
    assert partitions == history.second["dataset"]["partitions"]
    training = only(answer, "prediction")
    assert (training.facts["id"], training.facts["in_lake"], training.version) == (
        history.by_second,
        True,
        "2",
    )
    assert {node.run_id for node in answer.nodes()} == {"two", None}


def test_a_prediction_that_was_not_collected_yet_is_traced_too(history: History) -> None:
    """An answer of a second ago has its lineage; after a rollback it is the old version's, with the
    rollback in it.
    """
    answer = trace(history.environment, history.by_first_again)
    assert (answer.versions(), only(answer, "prediction").facts["in_lake"]) == (["1"], False)
    [before] = answer.graph.before(answer.roots[0])
    assert answer.graph.nodes[before].run_id == "back"
    assert only(answer, "dataset").facts["digest"] == history.first["dataset"]["digest"]


def test_which_models_used_this_partition(history: History) -> None:
    """A day in both windows leads to both versions and their predictions, a day in one window to
    one.
    """
    both, one = (
        trace(history.environment, f"{MODEL}/2026-03-15"),
        trace(history.environment, f"{MODEL}/2026-03-12"),
    )
    assert (both.versions(), one.versions()) == (["1", "2"], ["1"])
    assert "predictions" in kinds(both, "after")
    assert kinds(both, "before") == ["source"]
    with pytest.raises(TerminalError, match="recorded"):
        trace(history.environment, f"{MODEL}/2020-01-01")


def test_a_version_is_named_by_its_number_or_its_alias(history: History) -> None:
    """The champion is the version rolled back to; both ways lead to the same, forward down to the
    predictions.
    """
    named, alias = (
        trace(history.environment, f"{MODEL}/1"),
        trace(history.environment, f"{MODEL}@champion"),
    )
    assert named.roots == alias.roots == ["version:1"]
    assert kinds(named, "after").count("deployment") == 2
    second = trace(history.environment, "2", MODEL)
    assert {"staging", "deployment", "replaced", "predictions"} <= set(kinds(second, "after"))
    assert [node.version for node in second.nodes() if node.kind == "replaced"] == ["2"]
    with pytest.raises(TerminalError, match="alias") as error:
        trace(history.environment, f"{MODEL}@challenger")
    assert f"{MODEL}@champion" in str(error.value)


def test_the_version_under_rollout_is_the_challenger(tmp_path: Path) -> None:
    """Its alias leads to it from the begun step on, and to nothing after the end of the rollout."""
    environment = load_environment().model_copy(update={"lake": str(tmp_path)})
    ledger = open_ledger(environment, MODEL)
    since = datetime(2026, 3, 20, tzinfo=UTC)
    step = RolloutStep(version="2", step=10, state="begun", champion="1", since=since)
    events: list[LedgerEvent] = [Registration(version=version) for version in ("1", "2")]
    for event in (*events, AliasMove(to="1"), step):
        ledger.append(event, run_id=f"run-{event.subject}", who="ann")
    assert trace(environment, f"{MODEL}@challenger").roots == ["version:2"]
    ledger.append(RolloutStopped(version="2", step=10), run_id="run-2", who="ann")
    with pytest.raises(TerminalError, match="alias"):
        trace(environment, f"{MODEL}@challenger")


def test_a_dataset_version_is_named_by_its_id_or_its_digest(history: History) -> None:
    """Its id, and the beginning of its digest, lead to the same dataset version and to the one
    model made of it.
    """
    dataset = history.first["dataset"]
    answers = [
        trace(history.environment, text)
        for text in (
            f"{MODEL}/2026-03-20/{dataset['digest'][:12]}",
            dataset["digest"],
            dataset["digest"][:8],
        )
    ]
    assert all(
        answer.roots == answers[0].roots and answer.versions() == ["1"] for answer in answers
    )
    assert kinds(answers[0], "before").count("partition") == 8


def test_a_run_is_named_with_or_without_its_dag(history: History) -> None:
    """A run's name means all its outputs, from dataset version to deployment; another DAG's run is
    another.
    """
    alone, whole = (
        trace(history.environment, "one"),
        trace(history.environment, f"{MODEL}__train/one"),
    )
    assert alone.roots == whole.roots
    result = {alone.graph.nodes[root].kind for root in alone.roots}
    assert {
        "dataset",
        "validation",
        "training",
        "verdict",
        "version",
        "staging",
        "deployment",
    } <= result
    mlflow_run = history.first["challenger"]["mlflow_run_id"]
    assert trace(history.environment, mlflow_run).roots == [f"training:{mlflow_run}"]
    with pytest.raises(TerminalError, match="recorded"):
        trace(history.environment, f"{MODEL}__train/none")


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "0" * 12,
        f"{MODEL}/99",
        "no_such_model/1",
        f"{MODEL}/2026-03-20/{'0' * 12}",
        "019ab8c2-3d10-7abc-8def-0123456789ab",
        "a:b:c",
    ],
)
def test_what_leads_nowhere_is_told_what_would_lead_somewhere(history: History, text: str) -> None:
    """Every unknown reference is an error with the known forms, without a traceback."""
    done = CliRunner().invoke(app, ["lineage", text])
    assert isinstance(done.exception, TerminalError)
    assert done.exception.allowed == ALLOWED
    assert done.stdout == ""


def test_the_command_prints_a_tree_and_json(history: History) -> None:
    """Without a terminal the tree is plain lines; the JSON equals the library's."""
    lines = CliRunner().invoke(app, ["lineage", history.by_second]).stdout.splitlines()
    assert lines[0] == f"prediction {history.by_second}: made by {MODEL}/2"
    assert lines[1].startswith(f"  prediction {history.by_second}")
    assert lines[-1].lstrip().startswith("source: simulator")
    result = json.loads(CliRunner().invoke(app, ["lineage", history.by_second, "--json"]).stdout)
    assert result == trace(history.environment, history.by_second).as_json()


def test_a_terminal_gets_branches(history: History) -> None:
    """On a terminal the same lines hang on branches."""
    terminal, output = pty.openpty()
    fcntl.ioctl(output, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 500, 0, 0))
    command = [sys.executable, "-m", "airworthy", "lineage", f"{MODEL}/1"]
    variables = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
    process = subprocess.Popen(command, stdout=output, env=variables)
    os.close(output)
    with suppress(OSError), open(terminal, "rb", buffering=0) as stream:  # noqa: PTH123 - a terminal has no path here
        shown = b""
        while read := stream.read(
            65536
        ):  # a terminal whose other end is closed gives an error instead of an end
            shown += read
    assert process.wait() == 0
    lines = shown.decode().splitlines()
    assert any("├── made from" in line for line in lines)
    assert any("└── source: simulator" in line for line in lines)


def test_an_answer_needs_no_mlflow(history: History) -> None:
    """Importing MLflow takes longer than the whole answer may: it, and whatever else is heavy, is
    not imported.
    """
    probe = (
        "import sys; from airworthy.environment import load_environment; from airworthy.lineage.trace import trace\n"
        f"assert trace(load_environment(), {history.by_second!r}).versions() == ['2']\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    heavy = {
        "mlflow",
        "pandas",
        "xgboost",
        "sklearn",
        "great_expectations",
        "sqlalchemy",
        "fastapi",
        "httpx",
    }
    assert heavy.isdisjoint(done.stdout.split())


def test_the_dataset_command_lists_and_describes(history: History) -> None:
    """All versions, one line each, with the models made of them; one, with statistics, split and
    benchmark.
    """
    listed = CliRunner().invoke(app, ["dataset", MODEL]).stdout.splitlines()
    assert [line.split()[0].rpartition("/")[0] for line in listed[1:]] == [
        f"{MODEL}/2026-03-2{n}" for n in (0, 1)
    ]
    assert [line.split()[-1] for line in listed[1:]] == ["1", "2"]
    digest = history.first["dataset"]["digest"]
    text = CliRunner().invoke(app, ["dataset", MODEL, digest[:8]]).stdout
    for word in (
        digest,
        "simulator",
        "statistics",
        "city",
        "learning",
        "holdout",
        "challenger:",
        "rmse",
        "version 1",
    ):
        assert word in text
    [result] = map(
        json.loads,
        CliRunner().invoke(app, ["dataset", MODEL, digest, "--json"]).stdout.splitlines(),
    )
    assert result["partitions"] == history.first["dataset"]["partitions"]
    [training] = result["models"]
    assert (training["version"], training["benchmarks"][0]["metrics"]) == (
        "1",
        history.first["verdict"]["metrics"],
    )
    assert isinstance(
        CliRunner().invoke(app, ["dataset", MODEL, "f" * 12]).exception, TerminalError
    )
