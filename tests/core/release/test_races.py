"""Two runs that finish at the same moment, in two processes, again and again: one wins, and the record is whole."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

import httpx
import pytest

from airworthy.errors import AirworthyError
from airworthy.ledger import open_ledger
from airworthy.stages import run_stage

from .house import MODEL, House, open_house

ROUNDS = 50
_together: list[Any] = []


def _start(barrier: Any) -> None:
    _together.append(barrier)


def _attempt(job: tuple[str, dict[str, Any]]) -> str:
    """Run a stage at the same moment as the other process, and say what came of it."""
    name, payload = job
    _together[0].wait(timeout=120)
    try:
        done = run_stage(name, payload)
    except AirworthyError as error:
        return error.problem
    if "matched" in done:
        return "matched" if done["matched"] else "differs"
    return str(done.get("state") or ("promoted" if done["promoted"] else done["reason"]))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a champion, version 1."""
    with open_house(tmp_path_factory.mktemp("house")) as built:
        yield built


@pytest.fixture(scope="module")
def versions(house: House) -> dict[str, dict[str, Any]]:
    """What the stages handed over about three versions that may be released, by version."""
    made = [house.made(as_of) for as_of in ("2026-03-20", "2026-03-21", "2026-03-22")]
    return {payload["version"]["version"]: payload for payload in made}


@pytest.fixture(scope="module")
def pair(house: House) -> Iterator[Any]:
    """Two processes of their own."""
    context = get_context("spawn")
    barrier = context.Barrier(2)
    with context.Pool(2, initializer=_start, initargs=(barrier,)) as pool:
        yield lambda jobs: pool.map(_attempt, jobs, chunksize=1)


def contenders(house: House, versions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a run for each version that is not champion, whose verdict is against the champion of this moment."""
    champion = house.registry.champion(MODEL)
    runs = [
        house.anew(payload, promote="always")
        for version, payload in versions.items()
        if version != champion
    ]
    return [{**run, "verdict": {**run["verdict"], "champion_version": champion}} for run in runs]


def test_two_releases_at_once(house: House, versions: dict[str, dict[str, Any]], pair: Any) -> None:
    """Fifty times: exactly one is promoted, the other is told why not; server, alias and ledger agree."""
    for _ in range(ROUNDS):
        runs = contenders(house, versions)
        said = pair([("deploy_production", run) for run in runs])
        assert sorted(said) == [
            "another version became champion after the verdict was made",
            "promoted",
        ]
        won = runs[said.index("promoted")]["version"]["version"]
        served = httpx.get(f"{house.url}/models/{MODEL}").json()
        assert house.registry.champion(MODEL) == served["version"] == won
        assert served["candidates"] == []
    moves = [entry.event for entry in house.entries(None, "alias_move")]
    assert len(moves) == 1 + ROUNDS
    assert [move.from_ for move in moves] == [None, *(move.to for move in moves[:-1])]
    assert moves[-1].to == house.registry.champion(MODEL)
    assert open_ledger(house.environment, MODEL).broken_at() is None


def test_two_stagings_of_one_version_at_once(
    house: House, versions: dict[str, dict[str, Any]], pair: Any
) -> None:
    """Five times: a scheduled run and one on new data make the same version, and neither unloads it under the other."""
    champion = house.registry.champion(MODEL)
    version = next(payload for number, payload in versions.items() if number != champion)
    for _ in range(5):
        assert pair([("deploy_staging", house.anew(version)) for _ in range(2)]) == [
            "matched",
            "matched",
        ]
    assert httpx.get(f"{house.url}/models/{MODEL}").json()["candidates"] == []


def test_two_rollouts_at_once(house: House, versions: dict[str, dict[str, Any]], pair: Any) -> None:
    """Ten times: one begins, the other waits and leaves the flags alone."""
    house.rules(rollout=["shadow", "full"], bake="1h")
    for _ in range(10):
        runs = contenders(house, versions)
        said = pair([("rollout", {**run, "rollout_request": {"step": "shadow"}}) for run in runs])
        assert sorted(said) == ["baking", "waiting"]
        first = runs[said.index("baking")]
        flags = house.flags()
        assert flags is not None
        assert (flags.run_id, flags.challenger) == (
            first["run"]["run_id"],
            first["version"]["version"],
        )
        assert house.look(first, "shadow", stop="the round is over")["state"] == "tripped"
    assert open_ledger(house.environment, MODEL).broken_at() is None
