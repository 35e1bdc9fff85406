"""Each scope of a client's token asks each route of the model server: what is let through is the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.core.eventually import eventually
from typer.testing import CliRunner

from airworthy.cli.main import app
from airworthy.client_tokens import (
    ClientScope,
    add_client,
    known_clients,
    rotate_client,
    token_digest,
)
from airworthy.errors import TerminalError
from airworthy.protocol.refusals import RefusedError
from airworthy.serving.client_rate import ClientRate

from .asked_server import ADMIN, Asked, asked_server
from .generated_requests import ROW

BODY = {"dataframe_records": [ROW]}
CALLERS = ("no_token", "predict", "label", "usual", "admin", "administration")
SCOPES: dict[str, tuple[ClientScope, ...]] = {
    "predict": ("predict",),
    "label": ("label",),
    "usual": ("predict", "label"),
    "admin": ("admin",),
}
# `yes`: let through. The order is that of CALLERS. On loopback nobody needs a token, but for
# administration.
TABLE = """
GET  /health                            yes yes yes yes yes yes
GET  /healthz                           yes yes yes yes yes yes
GET  /health/live                       yes yes yes yes yes yes
GET  /ready                             yes yes yes yes yes yes
GET  /readyz                            yes yes yes yes yes yes
GET  /health/ready                      yes yes yes yes yes yes
GET  /metrics                           yes yes yes yes yes yes
GET  /openapi.json                      yes yes yes yes yes yes
GET  /docs                              yes yes yes yes yes yes
GET  /docs/oauth2-redirect              yes yes yes yes yes yes
GET  /redoc                             yes yes yes yes yes yes
GET  /models                            -   yes yes yes yes yes
GET  /models/{model}                    -   yes yes yes yes yes
GET  /models/{model}/rollout            -   yes yes yes yes yes
GET  /models/{model}/example            -   yes -   yes yes yes
POST /models/{model}/invocations        -   yes -   yes yes yes
POST /models/eta/invocations            -   yes -   yes yes yes
POST /models/{model}/labels             -   -   yes yes yes yes
POST /models/{model}/break-glass        -   -   -   -   yes yes
POST /models/{model}/versions/{version}/invocations -   -   -   -   yes yes
"""
ROWS = [(line.split()[0], line.split()[1], line.split()[2:]) for line in TABLE.strip().splitlines()]
OPEN_ON_LOOPBACK = ("/models", "/invocations", "/labels", "/rollout", "/example")


@pytest.fixture(scope="module", params=["beyond loopback", "loopback"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Asked, dict[str, str | None], bool]]:
    """A server, the token of each caller, and whether it asks for tokens."""
    required = request.param != "loopback"
    host = "0.0.0.0" if required else "127.0.0.1"  # noqa: S104 - the rules of that address
    with asked_server(tmp_path_factory.mktemp("scopes"), host) as asked:
        tokens = {each: add_client(asked.file, each, scopes) for each, scopes in SCOPES.items()}
        with asked.client(tokens["usual"]) as client:
            path = "/models/eta/versions/1/invocations"
            eventually("the tokens are known", lambda: "scope" in client.post(path, json=BODY).text)
        yield asked, {"no_token": None, **tokens, "administration": ADMIN}, required


def test_no_token_is_let_through_elsewhere_than_the_table_says(
    place: tuple[Asked, dict[str, str | None], bool],
) -> None:
    """The table has every route of the OpenAPI document. A refusal names the scope that lacks."""
    asked, tokens, required = place
    with httpx.Client(timeout=30, trust_env=False) as asker:
        document = httpx.get(f"{asked.url}/openapi.json").json()["paths"]
        routes = {(way.upper(), path) for path, ways in document.items() for way in ways}
        assert routes == {(method, path) for method, path, _ in ROWS}
        for method, path, expected in ROWS:
            filled = path.format(model="eta", version="1")
            for caller, cell in zip(CALLERS, expected, strict=True):
                token = tokens[caller]
                answer = asker.request(
                    method,
                    asked.url + filled,
                    json=BODY if method == "POST" else None,
                    headers={"authorization": f"Bearer {token}"} if token else {},
                )
                is_open = caller == "no_token" and not required and not _is_administration(path)
                let_through = answer.status_code not in (401, 403)
                assert let_through == (cell == "yes" or is_open), (
                    method,
                    path,
                    caller,
                    answer.text,
                )
                if not let_through and caller in SCOPES:
                    assert answer.json()["error"].startswith(
                        f"this token of {caller} has not the scope"
                    )


def _is_administration(path: str) -> bool:
    return "versions" in path or "break-glass" in path


def test_a_file_and_a_variable_of_an_older_version_open_what_they_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions and labels, and no administration."""
    file = tmp_path / "client_tokens.json"
    old = {"name": "shop", "sha256": token_digest(b"x" * 20), "since": "2026-03-01T00:00:00Z"}
    file.write_text(json.dumps({"clients": [old]}), encoding="utf-8")
    assert known_clients(file)[0].scopes == ("predict", "label")
    monkeypatch.setenv("AIRWORTHY_CLIENT_TOKENS", f"shop={'x' * 20}=,lab:label={'y' * 20}")
    assert [each.scopes for each in known_clients(file)] == [("predict", "label"), ("label",)]


@pytest.mark.parametrize("text", ["shop:=", "shop:all=", "shop:predict+=", "shop:Predict=", ":="])
def test_no_scope_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An entry that is malformed opens nothing, and its token is not told."""
    monkeypatch.setenv("AIRWORTHY_CLIENT_TOKENS", text + "secret-of-a-client")
    with pytest.raises(TerminalError, match="entry 1 is malformed") as refusal:
        known_clients(tmp_path / "none")
    assert "secret" not in str(refusal.value)
    result = CliRunner().invoke(app, ["clients", "add", "shop", "--scope", "all"])
    assert isinstance(result.exception, TerminalError)


def test_tokens_are_rotated_under_a_running_server(tmp_path: Path) -> None:
    """The new one opens, the old one for its time, and its answers may be labelled after its end."""
    with asked_server(tmp_path) as asked:
        old = add_client(asked.file, "shop")
        with asked.client(old) as client:
            asks = _status(client)
            eventually("it is known", lambda: asks() == 200)
            answered = client.post("/models/eta/invocations", json=BODY).json()["id"]
            first = rotate_client(asked.file, "shop", timedelta(hours=1))
            with asked.client(first) as renewed:
                eventually("the new one is known", lambda: _status(renewed)() == 200)
                assert asks() == 200
                rotate_client(asked.file, "shop", timedelta(0))
                eventually("the old ones end", lambda: (asks(), _status(renewed)()) == (403, 403))
            last = rotate_client(asked.file, "shop", timedelta(0))
            with asked.client(last) as renewed:
                eventually("the last one is known", lambda: _status(renewed)() == 200)
                label = {"labels": [{"id": answered, "label": 9}]}
                assert renewed.post("/models/eta/labels", json=label).status_code == 200
        assert asked.file.stat().st_mode & 0o777 == 0o600
        live = [each for each in known_clients(asked.file) if not each.has_ended(datetime.now(UTC))]
        assert [each.scopes for each in live] == [("predict", "label")]


def _status(client: httpx.Client) -> Callable[[], int]:
    return lambda: client.get("/models").status_code


def test_the_commands_give_scopes_and_rotate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are shown once. A rotated one keeps its scopes, and a wrong time or name changes nothing."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))

    def run(*arguments: str) -> list[str]:
        result = CliRunner().invoke(app, ["clients", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    shown = [run("add", "shop"), run("add", "lab", "--scope", "label")]
    shown += [run("add", "ops", "--scope", "admin", "--scope", "predict")]
    shown += [run("rotate", "lab", "--keep", "1h")]
    assert [line.split("  ")[2:] for line in run("list")][0::2] == [
        ["predict+label"],
        ["predict+admin"],
    ]
    ending, fresh = (json.loads(line) for line in run("list", "--json") if '"lab"' in line)
    assert (ending["scopes"], fresh["scopes"], fresh["until"]) == (["label"], ["label"], None)
    assert ending["until"] is not None
    assert all(token[0] not in "".join(run("list")) for token in shown)
    for wrong in (["lab", "--keep", "soon"], ["nobody"]):
        result = CliRunner().invoke(app, ["clients", "rotate", *wrong])
        assert isinstance(result.exception, TerminalError)
    assert len(run("list")) == 4


def test_a_mounted_file_of_tokens_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that is exchanged counts without a restart; the commands do not pretend to change it."""
    secret = tmp_path / "tokens"
    monkeypatch.setenv("AIRWORTHY_CLIENT_TOKENS_FILE", str(secret))
    secret.write_text(f"shop={'a' * 20}\nlab:label={'b' * 20}\n", encoding="utf-8")
    assert [each.name for each in known_clients(tmp_path / "none")] == ["shop", "lab"]
    secret.write_text(f"shop={'c' * 20}\n", encoding="utf-8")
    assert [each.sha256 for each in known_clients(tmp_path / "none")] == [token_digest(b"c" * 20)]
    for command in (["add", "x"], ["rotate", "x"], ["remove", "x"]):
        assert isinstance(CliRunner().invoke(app, ["clients", *command]).exception, TerminalError)
    secret.write_text("\n", encoding="utf-8")
    with pytest.raises(TerminalError, match="malformed"):
        known_clients(tmp_path / "none")
    secret.unlink()
    with pytest.raises(TerminalError, match="cannot be read"):
        known_clients(tmp_path / "none")


def test_a_client_that_sends_too_many_requests_gets_429_and_the_others_are_answered(
    tmp_path: Path,
) -> None:
    """It says when to ask again. Health and administration have no such limit."""
    with asked_server(tmp_path, limits={"requests_per_second_per_client": 1}) as asked:
        tokens = [add_client(asked.file, name) for name in ("eager", "shop")]
        with asked.client(tokens[0]) as eager, asked.client(tokens[1]) as shop:
            eventually("it is known", lambda: eager.get("/models").status_code in (200, 429))
            answers = [eager.get("/models") for _ in range(20)]
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["allowed"] == "1 requests in a second"
            assert shop.get("/models").status_code == 200
            assert {eager.get("/health").status_code for _ in range(5)} == {200}
        with asked.client(ADMIN) as administration:
            assert {administration.get("/models").status_code for _ in range(5)} == {200}


def test_a_rate_lets_one_second_through_at_once_and_then_goes_on_evenly() -> None:
    """A refused request costs nothing: who keeps asking gets the next place in time."""
    now = [100.0]
    rate = ClientRate(4, lambda: now[0])

    def passed(requests: int) -> int:
        count = 0
        for _ in range(requests):
            try:
                rate.take("shop")
            except RefusedError:
                continue
            count += 1
        return count

    assert passed(50) == 4
    now[0] += 0.5
    assert passed(50) == 2
    now[0] += 100
    assert passed(50) == 4
