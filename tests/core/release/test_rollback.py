"""Rollback: back to the last good champion, checked first, once, and the bad version stays away."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import RollbackCompleted
from airworthy.registry.registry import open_registry
from airworthy.registry.tags import ROLLED_BACK
from airworthy.stages import run_stage
from airworthy.traffic.current_traffic import current_traffic

from ...repetitions import repetitions  # noqa: TID252 - tests are no installed package
from ..stages.conftest import MakeModel, RunStages  # noqa: TID252

# What a rollback changes things with: it is stopped at each call of these, and at each return.
STEPS = frozenset(
    {
        "append",
        "_commit",
        "await_loaded",
        "await_champion",
        "await_end",
        "predict_champion",
        "set_model_version_tag",
        "delete_model_version_tag",
        "set_registered_model_alias",
    }
)


class Stopped(BaseException):
    """The process ended here."""


@contextmanager
def stopped_at(number: int) -> Iterator[list[str]]:
    """End whatever runs in this thread at the n-th call or return of a step; yields where it was."""
    calls: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if (
            event in ("call", "return")
            and frame.f_code.co_name in STEPS
            and ("airworthy" in file or "mlflow" in file)
        ):
            calls.append(f"{event} {frame.f_code.co_name}")
            if len(calls) == number:
                sys.setprofile(None)
                raise Stopped

    sys.setprofile(profile)
    try:
        yield calls
    except Stopped:
        pass
    finally:
        sys.setprofile(None)


def roll_back(
    model: str, run_id: str, to_version: str | None = None, reason: str = "late in the rain"
) -> dict[str, Any]:
    """Run the rollback stage.

    Args:
        model: The model's name.
        run_id: The run's id.
        to_version: The version named by a person.
        reason: Of the rollback.
    """
    run = {"model": model, "as_of": "2026-03-22T00:00:00Z", "reason": "manual", "run_id": run_id}
    return run_stage(
        "rollback", {"run": run, "rollback_request": {"to_version": to_version, "reason": reason}}
    )


def served(url: str, model: str) -> str:
    """Return the version behind an answer to anybody."""
    example = httpx.get(f"{url}/models/{model}/example").json()
    return str(httpx.post(f"{url}/models/{model}/invocations", json=example).json()["version"])


def kinds(environment: Environment, model: str) -> list[str]:
    """Return the kinds of the ledger's entries, without candidates."""
    entries = open_ledger(environment, model).entries()
    return [entry.kind for entry in entries if not entry.kind.startswith("candidate")]


def test_the_previous_champion_serves_again_and_it_is_recorded(
    server: str, environment: Environment, model: str
) -> None:
    """After a rollback alias and server agree on the earlier version, the bad one is marked, the
    ledger says why.
    """
    started = time.perf_counter()
    done = roll_back(model, "r")
    print(f"\na rollback with a server up: {time.perf_counter() - started:.2f} s")
    assert (done["from_version"], done["to_version"]) == ("2", "1")
    registry = open_registry(environment)
    assert registry.champion(model) == served(server, model) == "1"
    assert registry.version(model, "2").tags[ROLLED_BACK] == "late in the rain"
    assert kinds(environment, model)[-3:] == ["rollback_started", "alias_move", "rollback"]
    end = open_ledger(environment, model).entries()[-1].event
    assert isinstance(end, RollbackCompleted)
    assert end.reason == "late in the rain"
    assert end.parity_rows > 0
    assert open_ledger(environment, model).first_broken_entry() is None


def test_a_rollback_stopped_anywhere_is_completed_once(
    server: str, environment: Environment, model: str
) -> None:
    """Stopped at one step after another, and retried by the same run or by the same command again:
    one rollback, whole.
    """
    registry, step_number, last_calls = open_registry(environment), 0, ["something"]
    strides = cycle([1, repetitions(5, thorough=1)])
    while last_calls:
        step_number += next(strides)
        before = kinds(environment, model)
        with stopped_at(step_number) as passed:
            roll_back(model, f"r{step_number}", to_version="1")
        last_calls = passed if len(passed) == step_number else []
        ended = kinds(environment, model)[-1] == "rollback"
        again = f"r{step_number}" if step_number % 2 or ended else f"again{step_number}"
        for _ in range(2):
            assert roll_back(model, again, to_version="1")["to_version"] == "1", last_calls
        assert registry.champion(model) == served(server, model) == "1", last_calls
        assert ROLLED_BACK in registry.version(model, "2").tags
        assert kinds(environment, model)[len(before) :] == [
            "rollback_started",
            "alias_move",
            "rollback",
        ], last_calls
        # The way back is a rollback too: it marks version 1, so that the next round has a mark to
        # take away.
        roll_back(model, f"back{step_number}", to_version="2")
        assert registry.champion(model) == served(server, model) == "2"
    assert step_number > 15
    assert open_ledger(environment, model).first_broken_entry() is None


def test_the_bad_version_does_not_come_back_by_itself(
    server: str, environment: Environment, model: str, run_stages: RunStages
) -> None:
    """A repeated run of the bad version is held with the reason, also when somebody took its mark in
    MLflow away: the ledger has it. The registry refuses it; a new version may come.
    """
    roll_back(model, "r")
    registry = open_registry(environment)
    registry.client.delete_model_version_tag(model, "2", ROLLED_BACK)
    held = run_stages(
        model, last="deploy_production", as_of="2026-03-21", run_id="again", promote="always"
    )
    assert held["version"]["version"] == "2"
    assert held["deployment"]["promoted"] is False
    assert "was rolled back (late in the rain)" in held["deployment"]["reason"]
    assert registry.version(model, "2").tags[ROLLED_BACK] == "late in the rain"
    with pytest.raises(TerminalError, match="was rolled back") as refused:
        open_registry(environment).require_releasable(model, "2")
    assert "--to-version 2" in str(refused.value)
    assert open_registry(environment).champion(model) == served(server, model) == "1"
    newer = run_stages(model, last="deploy_production", as_of="2026-03-22", run_id="newer")
    assert newer["deployment"]["promoted"] is True
    # From the newer one, the bad one is passed over.
    assert roll_back(model, "r2")["to_version"] == "1"


def test_a_version_named_by_a_person_comes_back(
    server: str, environment: Environment, model: str
) -> None:
    """Naming a rolled back version brings it back and takes its mark away."""
    roll_back(model, "r")
    assert roll_back(model, "r2", to_version="2", reason="it was the sensor")["to_version"] == "2"
    registry = open_registry(environment)
    assert registry.champion(model) == served(server, model) == "2"
    assert ROLLED_BACK not in registry.version(model, "2").tags
    assert registry.version(model, "1").tags[ROLLED_BACK] == "it was the sensor"


@pytest.mark.parametrize(
    ("version", "words"), [("2", "is champion already"), ("3", "never was champion")]
)
def test_only_a_former_champion_can_be_named(
    environment: Environment, model: str, run_stages: RunStages, version: str, words: str
) -> None:
    """A rollback is no way around gates and parity: a version registered alone cannot be named."""
    run_stages(model, as_of="2026-03-22", run_id="third")
    with pytest.raises(TerminalError, match=words):
        roll_back(model, "r", to_version=version)
    assert open_registry(environment).champion(model) == "2"
    assert "rollback_started" not in kinds(environment, model)


def test_nothing_to_roll_back_to(server: str, environment: Environment, model: str) -> None:
    """With every earlier champion rolled back, the error says so and the champion stays."""
    roll_back(model, "r")
    with pytest.raises(TerminalError, match="nothing to roll back to"):
        roll_back(model, "r2")
    assert open_registry(environment).champion(model) == served(server, model) == "1"


def test_no_champion_at_all(server: str, make_model: MakeModel) -> None:
    """A model without a release has nothing to roll back from."""
    with pytest.raises(TerminalError, match="no champion to roll back from"):
        roll_back(make_model(), "r")


def test_nothing_moves_when_the_server_is_down(
    server: str, environment: Environment, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server at the address: a transient error; alias, marks and ledger are as they were."""
    before = kinds(environment, model)
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="did not answer"):
        roll_back(model, "r")
    registry = open_registry(environment)
    assert registry.champion(model) == "2"
    assert ROLLED_BACK not in registry.version(model, "2").tags
    assert kinds(environment, model) == before
    assert current_traffic(environment, model).candidates == ()
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", server)
    assert roll_back(model, "r")["to_version"] == "1"


def test_a_changed_file_is_not_gone_back_to(
    server: str, environment: Environment, model: str
) -> None:
    """A version with changed files is refused by its digest before anything moves."""
    folder = Path(open_registry(environment).bundle(model, "1")[0])
    (folder / "features.py").write_text((folder / "features.py").read_text() + "\n# changed\n")
    with pytest.raises(TerminalError, match="not those that were registered"):
        roll_back(model, "r")
    assert open_registry(environment).champion(model) == served(server, model) == "2"
    assert "rollback_started" not in kinds(environment, model)


def test_a_digest_changed_in_the_registry_is_noticed(environment: Environment, model: str) -> None:
    """Files and tag changed together still differ from the ledger's digest."""
    registry = open_registry(environment)
    registry.client.set_model_version_tag(model, "1", "airworthy.bundle_digest", "0" * 64)
    with pytest.raises(TerminalError, match="another digest in the registry"):
        roll_back(model, "r")
    assert registry.champion(model) == "2"


def test_a_rollback_overtaken_by_a_release_is_not_completed(
    environment: Environment, model: str, run_stages: RunStages
) -> None:
    """Stopped after it was begun, and another version released since: the retry leaves the new
    champion alone.
    """
    with stopped_at(11) as passed:
        roll_back(model, "r")
    assert "rollback_started" in kinds(environment, model), passed
    run_stages(
        model, last="deploy_production", as_of="2026-03-22", run_id="third", promote="always"
    )
    assert open_registry(environment).champion(model) == "3"
    with pytest.raises(TerminalError, match="another version became champion since"):
        roll_back(model, "r")
    assert open_registry(environment).champion(model) == "3"


def test_the_commands_answer_and_go_back(server: str, environment: Environment, model: str) -> None:
    """`airworthy rollback` goes back; `airworthy ledger` names the champion before and after, and
    the reason.
    """
    before = open_ledger(environment, model).entries()[-1].time
    done = CliRunner().invoke(app, ["rollback", model, "--reason", "late in the rain", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["to_version"], told["from_version"]) == ("1", "2")
    assert told["reason"] == "late in the rain"
    then = CliRunner().invoke(app, ["ledger", model, "--at", before]).stdout
    assert "version 2 served" in then
    assert "verdict:  pass" in then
    now = CliRunner().invoke(app, ["ledger", model, "--at", "2999-01-01"]).stdout
    assert "version 1 served" in now
    assert "late in the rain" in now
    assert "verdict:  pass" in now
    assert (
        "none had been released yet"
        in CliRunner().invoke(app, ["ledger", model, "--at", "2001-01-01"]).stdout
    )
    assert "the ledger is whole" in CliRunner().invoke(app, ["ledger", "verify", model]).stdout
