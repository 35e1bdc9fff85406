"""Nothing runs that the ledger does not name, whatever somebody writes into MLflow or beside it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pytest
from tests.core.champions import make_champion
from tests.core.eventually import eventually
from tests.core.stages.conftest import (
    LET_THROUGH,
    MakeModel,
    RunStages,
    make_model,
    run_stages,
)
from typer.testing import CliRunner

from airworthy.alerts.alias_alerts import alias_moved
from airworthy.bundle import FEATURES_FILE, MANIFEST_FILE, MODEL_FILE, bundle_digest
from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import Adoption, AliasMove, CandidateNamed
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST, IDEMPOTENCY_KEY
from airworthy.release.put_back import put_back_aliases
from airworthy.serving.in_process_server import running_server
from airworthy.serving.loaded_model import LoadedModel
from airworthy.stages import run_stage
from airworthy.staleness.age_comparison import RegisteredModels
from airworthy_airflow.alias_trigger import MovedAliasTrigger

__all__ = ["make_model", "run_stages"]  # fixtures

SERVED: dict[str, Any] = {"evaluate": LET_THROUGH}


class Attack:
    """A line of code that leaves a witness when it runs."""

    def __init__(self, folder: Path) -> None:
        self.witness = folder / "witness"

    @property
    def line(self) -> bytes:
        """The line."""
        return f"\nopen({str(self.witness)!r}, 'w').close()\n".encode()

    def put_into(self, bundle: Path) -> str:
        """Add the line to a bundle's features.py, and return the bundle's new digest."""
        with (bundle / FEATURES_FILE).open("ab") as stream:
            stream.write(self.line)
        return bundle_digest(bundle)

    def assert_not_run(self) -> None:
        """Assert that the line did not run, and that it would have left its witness."""
        assert not self.witness.exists()
        exec(self.line)  # noqa: S102
        assert self.witness.exists()
        self.witness.unlink()


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    """Return a line of foreign code."""
    return Attack(tmp_path)


@contextmanager
def other_content_when_read_again(path: Path, second: bytes) -> Iterator[None]:
    """Let a file give its content to the first reader, and other bytes to each later one."""
    first = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    stop = threading.Event()
    writer = threading.Thread(target=_write_in_turn, args=(path, [first, second], stop))
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def _write_in_turn(path: Path, contents: list[bytes], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            time.sleep(0.002)
            continue
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(contents[0])
        contents[:] = contents[1:] or contents
        _await_end_of_reader(path, stop)


def _await_end_of_reader(path: Path, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return
        time.sleep(0.002)


def trained(environment: Environment, model: str, version: str) -> tuple[Path, str]:
    """Return a version's bundle in MLflow's store, and its digest."""
    return open_registry(environment).bundle(model, version)


@pytest.mark.parametrize("file", [FEATURES_FILE, MANIFEST_FILE, MODEL_FILE])
def test_the_bytes_that_were_verified_are_the_bytes_that_are_loaded(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    attack: Attack,
    file: str,
) -> None:
    """A file that is swapped after its digest was checked is not read again."""
    model = make_model()
    run_stages(model)
    folder, digest = trained(environment, model, "1")
    second = (folder / file).read_bytes() + attack.line
    with other_content_when_read_again(folder / file, second):
        loaded = LoadedModel.load(model, "1", folder, digest)
    assert loaded.digest == digest
    attack.assert_not_run()


def test_a_model_of_mlflow_checks_its_own_digest(
    environment: Environment, make_model: MakeModel, run_stages: RunStages, attack: Attack
) -> None:
    """`mlflow.pyfunc` refuses changed files before any of them runs; the ledger's digest may be named."""
    model = make_model()
    run_stages(model)
    uri = f"models:/{model}/1"
    folder, digest = trained(environment, model, "1")
    mlflow.pyfunc.load_model(uri, model_config={"bundle_digest": digest})
    with pytest.raises(TerminalError, match="not those that were registered"):
        mlflow.pyfunc.load_model(uri, model_config={"bundle_digest": "0" * 64})
    attack.put_into(folder)
    with pytest.raises(TerminalError, match="not those that were registered"):
        mlflow.pyfunc.load_model(uri)
    attack.assert_not_run()


def forge_version(environment: Environment, model: str, folder: Path, attack: Attack) -> str:
    """Register a version past Airworthy, with foreign code; return its digest.

    Everything that MLflow keeps of a version is copied from version 1, with the new digest: its
    tags, its verdict, and the alias.
    """
    registry = open_registry(environment)
    client, first = registry.client, registry.version(model, "1")
    source = registry.download(first.source, "")
    forged = folder / "forged"
    shutil.copytree(source, forged)
    digest = attack.put_into(forged / "artifacts" / "bundle")
    run = client.create_run(client.get_run(first.run_id).info.experiment_id)
    tags = {**first.tags, BUNDLE_DIGEST: digest, IDEMPOTENCY_KEY: "forged"}
    client.create_model_version(model, forged.as_uri(), run_id=run.info.run_id, tags=tags)
    outputs = json.loads(registry.run_artifact_text(first.run_id, "delivery.json"))
    outputs["version"] |= {"version": "2", "bundle_digest": digest}
    outputs["challenger"] |= {"bundle_digest": digest, "idempotency_key": "forged"}
    outputs["verdict"] |= {"champion_version": "1", "outcome": "pass"}
    client.log_text(run.info.run_id, json.dumps(outputs), "delivery.json")
    client.set_registered_model_alias(model, CHAMPION, "2")
    return digest


def command(*words: str) -> str:
    """Return what a failing command says."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code != 0, done.output
    return f"{done.output}\n{done.exception}"


def test_a_version_that_only_mlflow_knows_runs_nowhere(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    attack: Attack,
    tmp_path: Path,
) -> None:
    """Files, digest, tags, verdict and alias are forged: no server, stage or command runs them."""
    model = make_model(**SERVED, score={})
    payload = run_stages(model)
    make_champion(environment, model, "1")
    digest = forge_version(environment, model, tmp_path, attack)
    with running_server(environment) as running:
        answer = httpx.get(f"{running.url}/models/{model}", trust_env=False)
        assert answer.json()["version"] == "1"
    for words in (
        ("release", model, "2"),
        ("release", model, "2", "--promote", "always"),
        ("adopt", model, "2", "--reason", "it was meant"),
        ("rollback", model, "--to-version", "2"),
    ):
        assert "version 2" in command(*words)
    forged = {**payload, "verdict": {**payload["verdict"], "champion_version": "1"}}
    forged["version"] = {**payload["version"], "version": "2", "bundle_digest": digest}
    with pytest.raises(TerminalError, match="names version 2, which the ledger does not know"):
        run_stage("deploy_staging", forged)
    open_registry(environment).client.set_registered_model_alias(model, CHAMPION, "1")
    with pytest.raises(TerminalError, match="registered no files of version 2"):
        run_stage("deploy_staging", forged)
    entries = open_ledger(environment, model).entries()
    assert RegisteredModels(open_registry(environment), model, entries)("forged") is None
    assert run_stage("ingest_inputs", payload)["version"] == "1"
    assert digest not in {entry.event.bundle_digest for entry in of_kind(entries, CandidateNamed)}
    assert digest not in {entry.event.bundle_digest for entry in of_kind(entries, AliasMove)}
    attack.assert_not_run()


def test_a_rehearsed_rollback_loads_no_other_files_than_those_that_were_champion(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
    attack: Attack,
) -> None:
    """Files and digest of the predecessor are changed in MLflow: the drill names neither."""
    model = make_model(**SERVED)
    run_stages(model)
    make_champion(environment, model, "1")
    payload = run_stages(model, run_id="second", parameters={"max_depth": 2})
    make_champion(environment, model, "2")
    folder, released = trained(environment, model, "1")
    digest = attack.put_into(folder)
    client = open_registry(environment).client
    client.set_model_version_tag(model, "1", BUNDLE_DIGEST, digest)
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        result = run_stage("rollback_drill", {"run": payload["run"]})
    assert result["passed"] is False
    named = of_kind(open_ledger(environment, model).entries(), CandidateNamed)
    assert digest not in {entry.event.bundle_digest for entry in named}
    assert released in {entry.event.bundle_digest for entry in named}
    attack.assert_not_run()


def test_an_alias_moved_by_hand_is_noticed_told_put_back_and_may_be_adopted(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It changes no answer. The server reports it, the trigger fires, and a person may release it."""
    model = make_model(**SERVED)
    run_stages(model)
    make_champion(environment, model, "1")
    run_stages(model, run_id="second", parameters={"max_depth": 2})
    registry = open_registry(environment)
    registry.client.set_registered_model_alias(model, CHAMPION, "2")
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        [noticed] = eventually("it is noticed", lambda: reported(running.url))
        assert noticed == {"model": model, "alias": CHAMPION, "found": "2", "expected": "1"}
        event = asyncio.run(asyncio.wait_for(first_event(MovedAliasTrigger(0.1)), 60))
        assert "the alias champion names version 2" in event["moved"][0]
        answer = httpx.get(f"{running.url}/models/{model}", trust_env=False)
        assert answer.json()["version"] == "1"
        [moved] = put_back_aliases(environment, sleep=lambda _: None)
        alert = alias_moved(moved, "run-1", {})
        assert f"airworthy adopt {model} 2" in alert.next_step
        assert registry.champion(model) == "1"
        assert put_back_aliases(environment, sleep=lambda _: None) == []
        done = CliRunner().invoke(app, ["adopt", model, "2", "--reason", "it was meant"])
        assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
        eventually("nothing is moved", lambda: not reported(running.url))
    assert registry.champion(model) == "2"
    entries = open_ledger(environment, model).entries()
    [adopted] = of_kind(entries, Adoption)
    assert (adopted.event.reason, adopted.proved_by) == ("it was meant", "operating system")
    last = of_kind(entries, AliasMove)[-1]
    assert (last.event.to, last.run_id, last.who) == ("2", adopted.run_id, adopted.who)


def reported(url: str) -> list[dict[str, str]]:
    """Return the moved aliases that a server shows."""
    result: list[dict[str, str]] = httpx.get(f"{url}/health/ready", trust_env=False).json()[
        "moved_aliases"
    ]
    return result


async def first_event(trigger: MovedAliasTrigger) -> dict[str, Any]:
    """Return the payload of a trigger's first event."""
    async for event in trigger.run():
        return dict(event.payload)
    raise AssertionError("the trigger ended without an event")
