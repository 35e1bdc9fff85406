"""A rollback while a rollout is on: the challenger is withdrawn, at once and once, and the champion stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.errors import TerminalError
from airworthy.registry.tags import ROLLED_BACK

from .house import MODEL, House, open_house
from .test_rollback import roll_back, stopped_at

RULES: dict[str, Any] = {"rollout": [50, "full"], "bake": "1h"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose champion is version 2; version 1 was it before."""
    with open_house(tmp_path_factory.mktemp("house")) as house:
        house.made("2026-03-21", last="deploy_production")
        yield house


@pytest.fixture(scope="module")
def third(built: House) -> dict[str, Any]:
    """Version 3, which passed its gates against version 2."""
    return built.made("2026-03-22")


@pytest.fixture
def house(built: House, third: dict[str, Any]) -> Iterator[House]:
    """The house; version 2 serves all of the traffic after each test."""
    built.rules(**RULES)
    yield built
    built.tidy()
    built.demand_only_champion("2")


def begun(house: House, third: dict[str, Any]) -> dict[str, Any]:
    """Begin a canary of version 3, whatever became of an earlier one, and wait until it has traffic."""
    if ROLLED_BACK in house.registry.version(MODEL, "3").tags:
        house.registry.client.delete_model_version_tag(MODEL, "3", ROLLED_BACK)
    payload = house.anew(third)
    assert house.look(payload, 50)["state"] == "baking"
    house.follows(50)
    return payload


def test_the_challenger_is_withdrawn_and_the_champion_stays(
    house: House, third: dict[str, Any]
) -> None:
    """The command takes the traffic from version 3 and no more than that; it does not come back by itself."""
    payload = begun(house, third)
    assert house.serving() == {"2", "3"}
    moves = len(house.entries(None, "alias_move"))
    started = time.perf_counter()
    done = CliRunner().invoke(app, ["rollback", MODEL, "--reason", "odd answers"])
    print(f"\na challenger withdrawn: {time.perf_counter() - started:.2f} s")
    assert done.exit_code == 0, done.output
    assert "version 2 serves again instead of version 3: odd answers" in done.stdout
    assert house.serving() == {"2"}
    assert len(house.entries(None, "alias_move")) == moves
    assert house.registry.version(MODEL, "3").tags[ROLLED_BACK] == "odd answers"
    status = house.look(payload, 50)
    assert status["state"] == "tripped"
    assert "odd answers" in status["reasons"][0]
    held = house.look(house.anew(third), 50)
    assert held["state"] == "held"
    assert "was rolled back (odd answers)" in held["reasons"][0]
    with pytest.raises(TerminalError, match="was rolled back"):
        house.registry.name_challenger(MODEL, "3")


def test_a_withdrawal_stopped_anywhere_is_completed_once(
    house: House, third: dict[str, Any]
) -> None:
    """Stopped at each step in turn, and given again: the challenger is out, and never is the champion rolled back."""
    place, where = -1, ["something"]
    while where:
        place += 2  # between one call's end and the next one's beginning nothing changes
        begun(house, third)
        before = len(house.entries())
        with stopped_at(place) as seen:
            roll_back(MODEL, f"w{place}")
        where = seen if len(seen) == place else []
        ended = [entry.kind for entry in house.entries()][-1] == "rollback"
        again = f"w{place}" if place % 4 == 1 or ended else f"again{place}"
        for _ in range(2):
            done = roll_back(MODEL, again)
            assert (done["from_version"], done["to_version"]) == ("3", "2"), where
        kinds = [entry.kind for entry in house.entries()[before:]]
        assert kinds == ["rollback_started", "rollout_stopped", "rollback"], where
        house.demand_only_champion("2")
        assert ROLLED_BACK in house.registry.version(MODEL, "3").tags
    assert place > 15


def test_a_version_named_by_a_person_ends_the_rollout_too(
    house: House, third: dict[str, Any]
) -> None:
    """Going back to an earlier champion during a rollout leaves no traffic on the challenger either."""
    payload = begun(house, third)
    assert roll_back(MODEL, "named", to_version="1", reason="both are bad")["to_version"] == "1"
    house.demand_only_champion("1")
    assert "both are bad" in house.look(payload, 50)["reasons"][0]
    assert ROLLED_BACK not in house.registry.version(MODEL, "3").tags
    assert roll_back(MODEL, "back", to_version="2")["to_version"] == "2"
