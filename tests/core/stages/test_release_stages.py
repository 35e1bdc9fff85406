"""Release: only an approved, compared, newer version takes over, through a real server, and once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy.ledger.ledger_queries import of_kind
from airworthy.registry.registry import open_registry
from airworthy.serving.in_process_server import running_server
from airworthy.stages import run_stage
from airworthy.traffic.current_traffic import current_traffic

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import LET_THROUGH, MakeModel, RunStages


@pytest.fixture
def server(
    mlflow_database: None,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A real model server on a free loopback port."""
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        yield running.url


def served(url: str, model: str) -> str:
    """Return the version in the server."""
    return str(httpx.get(f"{url}/models/{model}").json()["version"])


def moves_of(environment: Environment, model: str) -> list[AliasMove]:
    """Return the alias moves in the model's ledger."""
    return [entry.event for entry in of_kind(open_ledger(environment, model).entries(), AliasMove)]


def test_released_version_serves_and_is_recorded(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """After a release the server has the version, the alias names it, and the ledger has the
    reason.
    """
    model = make_model()
    output = run_stages(model, last="deploy_production")
    assert output["parity"]["matched"] is True
    assert output["deployment"]["promoted"] is True
    example = httpx.get(f"{server}/models/{model}/example").json()
    answer = httpx.post(f"{server}/models/{model}/invocations", json=example).json()
    assert answer["version"] == "1"
    assert all(isinstance(value, float) for value in answer["predictions"])
    assert open_registry(environment).champion(model) == "1"
    move = open_ledger(environment, model).entries()[-1]
    assert isinstance(move.event, AliasMove)
    assert (move.event.from_, move.event.to) == (None, "1")
    assert open_ledger(environment, model).first_broken_entry() is None


def test_retried_release_changes_nothing(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """The same run released twice leaves one version, one alias move and the same answers."""
    model = make_model()
    run_stages(model, last="deploy_production")
    again = run_stages(model, last="deploy_production")
    assert again["deployment"]["promoted"] is True
    kinds = [entry.kind for entry in open_ledger(environment, model).entries()]
    assert kinds.count("alias_move") == 1
    assert served(server, model) == "1"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"as_of": "2026-03-21", "reason": "backfill"}, "backfill"),
        ({"as_of": "2026-03-19"}, "before the champion's"),
        ({"as_of": "2026-03-21", "promote": "never"}, "promote is never"),
    ],
)
def test_what_may_not_take_over(
    server: str,
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    more: dict[str, str],
    reason: str,
) -> None:
    """A backfill, older data, or promote=never leave the champion where it is, with the reason."""
    model = make_model()
    run_stages(model, last="deploy_production")
    output = run_stages(model, last="deploy_production", run_id="second", **more)["deployment"]
    assert output["promoted"] is False
    assert reason in output["reason"]
    assert open_registry(environment).champion(model) == served(server, model) == "1"


def test_backfill_takes_over_when_told_to(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """promote=always lets a backfill run release."""
    model = make_model(evaluate=LET_THROUGH)
    run_stages(model, last="deploy_production")
    more = {"as_of": "2026-03-21", "reason": "backfill", "promote": "always"}
    assert (
        run_stages(model, last="deploy_production", run_id="second", **more)["deployment"][
            "promoted"
        ]
        is True
    )
    assert served(server, model) == "2"


def test_verdict_older_than_the_champion_is_refused(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A version compared with a former champion cannot take over."""
    model = make_model()
    stale = run_stages(model, last="deploy_staging", run_id="stale", promote="always")
    run_stages(model, last="deploy_production", as_of="2026-03-21", run_id="other")
    with pytest.raises(TerminalError, match="another version became champion"):
        run_stage("deploy_production", stale)
    assert served(server, model) == "2"


def test_releases_at_once_leave_server_and_alias_agreed(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Of releases at the same moment one wins, and server and alias agree."""
    model = make_model()
    runs = [
        run_stages(model, last="deploy_staging", as_of=f"2026-03-{20 + n}", run_id=str(n))
        for n in range(3)
    ]

    def attempt(payload: dict[str, Any]) -> bool:
        try:
            return bool(run_stage("deploy_production", payload)["promoted"])
        except TerminalError:
            return False

    with ThreadPoolExecutor(3) as pool:
        won = list(pool.map(attempt, runs))
    assert won.count(True) == 1
    version = runs[won.index(True)]["version"]["version"]
    assert open_registry(environment).champion(model) == served(server, model) == version
    assert [move.to for move in moves_of(environment, model)] == [version]


def test_nothing_moves_when_the_server_is_down(
    environment: Environment,
    make_model: MakeModel,
    run_stages: RunStages,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server gone after staging leaves alias and ledger as they were; the retry completes."""
    model = make_model()
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        payload = run_stages(model, last="deploy_staging")
    with pytest.raises(TransientError, match="no model server reports"):
        run_stage("deploy_production", payload)
    assert open_registry(environment).champion(model) is None
    assert moves_of(environment, model) == []
    with running_server(environment):
        assert run_stage("deploy_production", payload)["promoted"] is True


def test_every_move_is_recorded_and_nothing_else(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A repeated run with its version in place records no move, also when somebody moved the alias:
    it is put back.
    """
    model = make_model(evaluate=LET_THROUGH)
    run_stages(model, last="deploy_production", run_id="a")
    run_stages(model, last="deploy_production", run_id="repeated")
    second = run_stages(model, last="deploy_production", as_of="2026-03-21", run_id="b")
    registry = open_registry(environment)
    registry.client.set_registered_model_alias(model, "champion", "1")
    run_stage("deploy_production", second)
    moves = moves_of(environment, model)
    assert [(move.from_, move.to) for move in moves] == [(None, "1"), ("1", "2")]
    assert (registry.champion(model), served(server, model)) == ("2", "2")


def test_an_alias_without_an_entry_is_no_champion(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A version that MLflow alone calls champion serves nobody; its release records it, and it
    serves.
    """
    model = make_model()
    payload = run_stages(model, last="deploy_staging")
    client = open_registry(environment).client
    client.set_registered_model_alias(model, "champion", "1")
    assert httpx.get(f"{server}/models/{model}").status_code == 503
    for _ in range(2):
        run_stage("deploy_production", payload)
    moves = moves_of(environment, model)
    assert [(move.from_, move.to) for move in moves] == [(None, "1")]
    assert served(server, model) == "1"


def test_candidate_that_is_not_released_is_unloaded(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A held version does not stay in the server's memory."""
    model = make_model()
    run_stages(model, last="deploy_production")
    held = run_stages(model, last="deploy_production", as_of="2026-03-19", run_id="older")
    assert held["deployment"]["promoted"] is False
    eventually(
        "nothing is loaded beside the champion",
        lambda: httpx.get(f"{server}/models/{model}").json()["candidates"] == [],
    )


def test_server_down_is_transient(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """No server: a transient error, and the ledger asks no server for the version any more."""
    model = make_model()
    with pytest.raises(TransientError, match="no model server reports"):
        run_stages(model, last="deploy_staging")
    assert current_traffic(environment, model).candidates == ()
