"""Failed gates keep a challenger from production, worse in all or in part, or misbehaving.

Each refusal is about one thing: the other gates of its verdict pass. All of the traffic stays on
the champion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airworthy.cli.ledger_lines import ledger_line
from airworthy.errors import TerminalError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import VerdictReached
from airworthy.ledger.ledger_queries import of_kind
from airworthy.stages import run_stage

from ..stages.conftest import FEATURES  # noqa: TID252 - tests are no installed package
from .release_environment import MODEL, WEAK, ReleaseEnvironment, open_release_environment

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
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseEnvironment]:
    """An environment with a champion, version 1."""
    with open_release_environment(tmp_path_factory.mktemp("release")) as opened:
        yield opened


def assert_refused(
    env: ReleaseEnvironment, payload: dict[str, Any], refusing: str, words: str
) -> None:
    """Assert that one gate failed for this reason, and that nothing gives the version traffic or
    the champion's place.

    Args:
        env: The release environment.
        payload: The run's payload.
        refusing: The failed gate.
        words: In its reason.
    """
    verdict, version = payload["verdict"], payload["version"]
    against = {
        gate["gate"]: gate for gate in verdict["gates"] if gate["outcome"] not in ("pass", "waived")
    }
    assert list(against) == [refusing]
    assert words in against[refusing]["reason"]
    assert (verdict["releasable"], version["validation_status"]) == (False, "rejected")
    env.write_spec(rollout=["shadow", 10, "full"])
    for step in ("shadow", 10):
        status = env.poll(env.new_run(payload), step)
        assert (status["state"], "can never take an alias" in " ".join(status["reasons"])) == (
            "held",
            True,
        )
    env.write_spec(rollout=["full"])
    assert run_stage("deploy_production", env.new_run(payload))["promoted"] is False
    with pytest.raises(TerminalError, match="can never"):
        env.registry.require_releasable(MODEL, version["version"])
    env.assert_only_champion("1")


def test_worse_than_the_champion(env: ReleaseEnvironment) -> None:
    """A challenger without training is surely worse by more than the margin."""
    waive = [{"gate": "baseline", "because": "this test is about the champion alone"}]
    gates = [NO_WORSE, {"metric": "rmse", "max": 1000}]
    env.write_spec(evaluate={"gates": gates, "waive": waive})
    refused = env.train("2026-03-21", parameters=WEAK)
    assert_refused(env, refused, "rmse against champion", "worse than the champion")


def test_worse_on_one_slice_only(env: ReleaseEnvironment) -> None:
    """Good enough in all, and blind in one city: the gate names the city."""
    env.write_spec(BLIND_IN_PARIS, evaluate={"slices": ["city"], "gates": [LOOSE, IN_EVERY_CITY]})
    refused = env.train("2026-03-21")
    assert_refused(env, refused, "rmse against champion in every city", "paris: ")


def test_fails_one_behavioural_test(env: ReleaseEnvironment) -> None:
    """Within the margin, and it breaks a rule of behaviour.py.

    The champion breaks it too. That excuses only a challenger that is proved better.
    """
    env.write_spec(evaluate={"gates": [LOOSE]})
    behaviour = env.folder / "behaviour.py"
    behaviour.write_text(TELEPORTS, encoding="utf-8")
    try:
        refused = env.train("2026-03-21", parameters={"learning_rate": 0.06})
    finally:
        behaviour.unlink()
    assert "behaviour: a day away: " in refused["verdict"]["champion_failing"][0]
    assert_refused(env, refused, "behaviour: a day away", "")


@pytest.mark.parametrize(
    ("choice", "releasable"), [({}, False), ({"inconclusive": "release"}, True)]
)
def test_too_few_rows_to_judge_a_slice(
    env: ReleaseEnvironment, choice: dict[str, str], releasable: bool
) -> None:
    """An inconclusive version is not released, unless the spec allows it."""
    unjudged = {"metric": "rmse", "slice": "city", "max": 1000, "min_rows": 100_000}
    env.write_spec(evaluate={"slices": ["city"], "gates": [LOOSE, unjudged], **choice})
    trained = env.train("2026-03-21", parameters={"max_depth": 3})
    assert (trained["verdict"]["outcome"], trained["verdict"]["releasable"]) == (
        "inconclusive",
        releasable,
    )
    if releasable:
        assert trained["version"]["validation_status"] == "approved"
    else:
        assert_refused(env, trained, "rmse in every city", "under 100000 rows: ")


def test_a_much_worse_challenger_needs_a_waiver(env: ReleaseEnvironment) -> None:
    """A spec with one bar that nothing misses: the default gates refuse a challenger with three
    times the champion's loss. Waivers by name release it, and are recorded.
    """
    gates = [{"metric": "rmse", "max": 1000}]
    worse = {**WEAK, "base_score": 0.0}
    env.write_spec(evaluate={"gates": gates}, rollout=["full"])
    refused = env.train("2026-03-21", parameters=worse)
    metrics = refused["verdict"]["metrics"]
    assert metrics["challenger"]["rmse"] > 3 * metrics["champion"]["rmse"]
    assert refused["version"]["validation_status"] == "rejected"
    assert run_stage("deploy_production", env.new_run(refused))["promoted"] is False
    entries = of_kind(open_ledger(env.environment, MODEL).entries(), VerdictReached)
    assert "rmse against champion (default): fail" in entries[-1].event.reasons[0]
    env.assert_only_champion("1")

    because = "the old label was wrong until yesterday"
    waive = [{"gate": gate, "because": because} for gate in ("champion", "baseline")]
    env.write_spec(evaluate={"gates": gates, "waive": waive}, rollout=["full"])
    trained = env.train("2026-03-21", parameters=worse)
    verdict = trained["verdict"]
    waivers = [f"champion: {because}", f"baseline: {because}"]
    assert (verdict["outcome"], verdict["waivers"]) == ("pass", waivers)
    outcome = next(gate for gate in verdict["gates"] if "champion" in gate["gate"])
    assert outcome["outcome"] == "waived"
    assert f"waived: {because}; it would have failed: " in outcome["reason"]
    assert run_stage("deploy_production", env.new_run(trained))["promoted"] is True
    report = env.registry.run_artifact_text(verdict["mlflow_run_id"], "report.html")
    entries = of_kind(open_ledger(env.environment, MODEL).entries(), VerdictReached)
    version = env.registry.version(MODEL, trained["version"]["version"])
    assert entries[-1].event.waivers == waivers
    for waiver in waivers:
        assert waiver in report
        assert f"waived {waiver}" in ledger_line(entries[-1])
        assert waiver in version.tags["airworthy.waivers"]
