"""What the gates refuse does not reach production: a challenger that is worse, in all or in part, or that misbehaves.

Each refusal is about one thing: the other gates of its verdict pass. All of the traffic stays on the champion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airworthy.errors import TerminalError
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES  # noqa: TID252 - tests are no installed package
from .house import MODEL, WEAK, House, open_house

LOOSE: dict[str, Any] = {"metric": "rmse", "against": "champion", "margin": 0.9}
NO_WORSE: dict[str, Any] = {"metric": "rmse", "against": "champion", "margin": 0.1}
IN_EVERY_CITY: dict[str, Any] = {**NO_WORSE, "slice": "city", "min_rows": 10}
BLIND_IN_PARIS = FEATURES.replace(
    '"distance_km": pl.col("distance_km")',
    '"distance_km": pl.when(pl.col("city") != "paris").then(pl.col("distance_km"))',
).replace(
    'pl.col("distance_km") / pl.col("stops")',
    'pl.when(pl.col("city") != "paris").then(pl.col("distance_km") / pl.col("stops"))',
)
TELEPORTS = """
from airworthy.behaviour import MinimumFunctionality

ROW = {"city": "paris", "vehicle": "bike", "distance_km": 3.0, "stops": 2}
BEHAVIOUR = {"a day away": MinimumFunctionality(rows=[ROW], at_least=1440.0)}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a champion, version 1."""
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


def demand_refused(house: House, payload: dict[str, Any], refusing: str, words: str) -> None:
    """One gate did not pass, for this reason; nothing gives the version traffic or the champion's place."""
    verdict, version = payload["verdict"], payload["version"]
    against = {gate["gate"]: gate for gate in verdict["gates"] if gate["outcome"] != "pass"}
    assert list(against) == [refusing]
    assert words in against[refusing]["reason"]
    assert (verdict["releasable"], version["validation_status"]) == (False, "rejected")
    house.rules(rollout=["shadow", 10, "full"])
    for step in ("shadow", 10):
        status = house.look(house.anew(payload), step)
        assert (status["state"], "can never take an alias" in " ".join(status["reasons"])) == (
            "held",
            True,
        )
    house.rules(rollout=["full"])
    assert run_stage("deploy_production", house.anew(payload))["promoted"] is False
    with pytest.raises(TerminalError, match="can never"):
        house.registry.promote(MODEL, version["version"], expected="1")
    house.demand_only_champion("1")


def test_worse_than_the_champion(house: House) -> None:
    """A challenger that learned nearly nothing is sure to be worse by more than the margin."""
    house.rules(evaluate={"gates": [NO_WORSE, {"metric": "rmse", "max": 1000}]})
    refused = house.made("2026-03-21", parameters=WEAK)
    demand_refused(house, refused, "rmse against champion", "worse than the champion")


def test_worse_on_one_slice_only(house: House) -> None:
    """Good enough in all, and blind in one city: that city refuses it by name."""
    house.rules(BLIND_IN_PARIS, evaluate={"slices": ["city"], "gates": [LOOSE, IN_EVERY_CITY]})
    refused = house.made("2026-03-21")
    demand_refused(house, refused, "rmse against champion in every city", "paris: ")


def test_fails_one_behavioural_test(house: House) -> None:
    """As good as the champion, and it breaks a rule of behaviour.py."""
    house.rules(evaluate={"gates": [LOOSE]})
    behaviour = house.folder / "behaviour.py"
    behaviour.write_text(TELEPORTS, encoding="utf-8")
    try:
        refused = house.made("2026-03-21", parameters={"max_depth": 5})
    finally:
        behaviour.unlink()
    demand_refused(house, refused, "behaviour: a day away", "")


@pytest.mark.parametrize(
    ("choice", "releasable"), [({}, False), ({"inconclusive": "release"}, True)]
)
def test_too_few_rows_to_judge_a_slice(
    house: House, choice: dict[str, str], releasable: bool
) -> None:
    """What cannot be judged is not released, unless the spec says that it may be."""
    unjudged = {"metric": "rmse", "slice": "city", "max": 1000, "min_rows": 100_000}
    house.rules(evaluate={"slices": ["city"], "gates": [LOOSE, unjudged], **choice})
    made = house.made("2026-03-21", parameters={"max_depth": 3})
    assert (made["verdict"]["outcome"], made["verdict"]["releasable"]) == (
        "inconclusive",
        releasable,
    )
    if releasable:
        assert made["version"]["validation_status"] == "approved"
    else:
        demand_refused(house, made, "rmse in every city", "under 100000 rows: ")
