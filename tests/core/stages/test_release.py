"""Release: only an approved, compared, newer version takes over, through a real server, and once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import open_ledger
from airworthy.registry.store import open_registry
from airworthy.serving.ephemeral import running_server

from .conftest import MakeModel, RunStages


@pytest.fixture
def server(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real model server on a free loopback port."""
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        yield running.url


def served(url: str, model: str) -> str:
    return str(httpx.get(f"{url}/models/{model}").json()["version"])


def test_released_version_serves_and_is_recorded(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """After a release the server answers with that version, the alias names it, and the ledger says why."""
    model = make_model()
    found = run_stages(model, last="deploy_production")
    assert found["parity"]["matched"] is True
    assert found["deployment"]["promoted"] is True
    example = httpx.get(f"{server}/models/{model}/example").json()
    answer = httpx.post(f"{server}/models/{model}/invocations", json=example).json()
    assert answer["version"] == "1"
    assert all(isinstance(value, float) for value in answer["predictions"])
    assert open_registry(environment).champion(model) == "1"
    move = open_ledger(environment, model).entries()[-1]
    assert (move.kind, move.facts["from"], move.facts["to"]) == ("alias_move", None, "1")
    assert open_ledger(environment, model).broken_at() is None


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
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages, more: dict, reason: str
) -> None:
    """A backfill, older data, or promote=never leave the champion where it is, with the reason."""
    model = make_model()
    run_stages(model, last="deploy_production")
    found = run_stages(model, last="deploy_production", run_id="second", **more)["deployment"]
    assert found["promoted"] is False
    assert reason in found["reason"]
    assert open_registry(environment).champion(model) == served(server, model) == "1"


def test_backfill_takes_over_when_told_to(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """promote=always lets a backfill run release."""
    model = make_model()
    run_stages(model, last="deploy_production")
    more = {"as_of": "2026-03-21", "reason": "backfill", "promote": "always"}
    assert run_stages(model, last="deploy_production", run_id="second", **more)["deployment"]["promoted"] is True
    assert served(server, model) == "2"


def test_verdict_older_than_the_champion_is_refused(
    server: str, environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A version judged against a champion that is no longer one cannot take over."""
    model = make_model()
    stale = run_stages(model, run_id="stale")
    run_stages(model, last="deploy_production", as_of="2026-03-21", run_id="other")
    with pytest.raises(TerminalError, match="another version became champion"):
        open_registry(environment).promote(
            model, run_stages(model)["version"]["version"], stale["verdict"]["champion_version"]
        )


def test_two_promotions_at_once_have_one_winner(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """Of versions promoted at the same moment against the same champion, exactly one wins."""
    model = make_model()
    versions = [run_stages(model, as_of=f"2026-03-{20 + n}")["version"]["version"] for n in range(3)]

    def attempt(version: str) -> bool:
        try:
            open_registry(load_environment()).promote(model, version, expected=None)
        except TerminalError:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        won = list(pool.map(attempt, versions))
    assert won.count(True) == 1
    assert open_registry(environment).champion(model) == versions[won.index(True)]


def test_server_down_is_transient(make_model: MakeModel, run_stages: RunStages) -> None:
    """No server at the address: an error that is retried, and the champion is untouched."""
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9"):
        run_stages(make_model(), last="deploy_staging")
