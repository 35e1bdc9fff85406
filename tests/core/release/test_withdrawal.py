"""A rollback while a rollout is on: the challenger is withdrawn, at once and once, and the champion
stays.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.registry.tags import ROLLED_BACK
from airworthy.release.projection import project_ledger

from .release_environment import MODEL, ReleaseEnvironment, open_release_environment
from .test_rollback import roll_back, stopped_at

RULES: dict[str, Any] = {"rollout": [50, "full"], "bake": "1h"}


@pytest.fixture(scope="module")
def shared_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with version 2 as champion, after version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as env:
        env.train("2026-03-21", last="deploy_production")
        yield env


@pytest.fixture(scope="module")
def third(shared_env: ReleaseEnvironment) -> dict[str, Any]:
    """Version 3, with passed gates against version 2."""
    return shared_env.train("2026-03-22")


@pytest.fixture
def env(shared_env: ReleaseEnvironment, third: dict[str, Any]) -> Iterator[ReleaseEnvironment]:
    """The environment; version 2 serves all of the traffic after each test."""
    shared_env.write_spec(**RULES)
    yield shared_env
    shared_env.clean_up()
    shared_env.assert_only_champion("2")


def begun(env: ReleaseEnvironment, third: dict[str, Any]) -> dict[str, Any]:
    """Begin a canary of version 3, whatever became of an earlier one, and wait until it has
    traffic.
    """
    if ROLLED_BACK in env.registry.version(MODEL, "3").tags:
        env.make_champion("3")
        project_ledger(env.environment, MODEL)
        env.make_champion("2")
    payload = env.new_run(third)
    assert env.poll(payload, 50)["state"] == "baking"
    env.wait_for_step(50)
    return payload


def test_the_challenger_is_withdrawn_and_the_champion_stays(
    env: ReleaseEnvironment, third: dict[str, Any]
) -> None:
    """The command takes the traffic from version 3 and nothing else; version 3 does not come back
    alone.
    """
    payload = begun(env, third)
    assert env.served_versions() == {"2", "3"}
    moves = len(env.alias_moves())
    started = time.perf_counter()
    done = CliRunner().invoke(app, ["rollback", MODEL, "--reason", "odd answers"])
    print(f"\na challenger withdrawn: {time.perf_counter() - started:.2f} s")
    assert done.exit_code == 0, done.output
    assert "version 2 serves again instead of version 3: odd answers" in done.stdout
    assert env.served_versions() == {"2"}
    assert len(env.alias_moves()) == moves
    assert env.registry.version(MODEL, "3").tags[ROLLED_BACK] == "odd answers"
    status = env.poll(payload, 50)
    assert status["state"] == "tripped"
    assert "odd answers" in status["reasons"][0]
    held = env.poll(env.new_run(third), 50)
    assert held["state"] == "held"
    assert "was rolled back (odd answers)" in held["reasons"][0]
    with pytest.raises(TerminalError, match="was rolled back"):
        env.registry.require_releasable(MODEL, "3")


def test_a_withdrawal_stopped_anywhere_is_completed_once(
    env: ReleaseEnvironment, third: dict[str, Any]
) -> None:
    """Stopped at each step in turn, and given again: the challenger is out, and never is the
    champion rolled back.
    """
    number, last_calls = -1, ["something"]
    while last_calls:
        number += 2  # between one call's end and the next one's beginning nothing changes
        begun(env, third)
        before = len(env.entries())
        with stopped_at(number) as calls:
            roll_back(MODEL, f"w{number}")
        last_calls = calls if len(calls) == number else []
        ended = [entry.kind for entry in env.entries()][-1] == "rollback"
        again = f"w{number}" if number % 4 == 1 or ended else f"again{number}"
        for _ in range(2):
            done = roll_back(MODEL, again)
            assert (done["from_version"], done["to_version"]) == ("3", "2"), last_calls
        kinds = [entry.kind for entry in env.entries()[before:]]
        assert kinds == ["rollback_started", "rollout_stopped", "rollback"], last_calls
        env.assert_only_champion("2")
        assert ROLLED_BACK in env.registry.version(MODEL, "3").tags
    assert number > 15


def test_a_version_named_by_a_person_ends_the_rollout_too(
    env: ReleaseEnvironment, third: dict[str, Any]
) -> None:
    """Going back to an earlier champion during a rollout leaves no traffic on the challenger
    either.
    """
    payload = begun(env, third)
    assert roll_back(MODEL, "named", to_version="1", reason="both are bad")["to_version"] == "1"
    env.assert_only_champion("1")
    assert "both are bad" in env.poll(payload, 50)["reasons"][0]
    assert ROLLED_BACK not in env.registry.version(MODEL, "3").tags
    assert roll_back(MODEL, "back", to_version="2")["to_version"] == "2"
