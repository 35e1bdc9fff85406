"""MLflow out of reach, locked or refusing is an error of ours: retry or not, and without secrets."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from airworthy.environment import Environment, load_environment
from airworthy.errors import TerminalError, TransientError
from airworthy.ledger import open_ledger
from airworthy.ledger.events import AliasMove
from airworthy.registry.mlflow_errors import convert_error, without_secrets
from airworthy.registry.registry import open_registry
from airworthy.stages import run_stage


def test_tracking_server_down_is_transient(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing at the tracking address, a stage ends in a transient error without the password."""
    # The champion's age is a tag of its version.
    champion = AliasMove(to="1", bundle_digest="d")
    open_ledger(environment, "delivery_eta").append(champion, run_id="r", who="tests")
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", "http://ada:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run = {
        "model": "delivery_eta",
        "as_of": "2026-03-20T00:00:00Z",
        "reason": "manual",
        "run_id": "r",
    }
    with pytest.raises(TransientError) as caught:
        run_stage("check_age", {"run": run})
    assert (caught.value.model, caught.value.stage) == ("delivery_eta", "check_age")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_locked_database_is_no_missing_version(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database held by another process is not mistaken for a missing version."""
    registry = open_registry(environment)
    registry.client.create_registered_model("m")
    address = f"{environment.tracking_uri}?timeout=0.1"
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", address)
    impatient = open_registry(load_environment())
    assert impatient.models() == ["m"]
    with closing(sqlite3.connect(environment.tracking_uri.removeprefix("sqlite:///"))) as holder:
        holder.execute("begin exclusive")
        with pytest.raises(MlflowException) as caught:
            impatient.version("m", "1")
        holder.rollback()
    assert isinstance(convert_error(caught.value, environment), TransientError)
    with pytest.raises(TerminalError, match="no such version"):
        registry.version("m", "1")


def test_a_version_is_written_in_one_way(environment: Environment) -> None:
    """MLflow takes other digits and leading zeros for the same version. A record would have two names."""
    client = open_registry(environment).client
    client.create_registered_model("eta")
    client.create_model_version("eta", "file:///nowhere", None)
    assert str(open_registry(environment).version("eta", "1").version) == "1"
    for text in ("\u0661", "01", "+1", " 1", "1_0", "1.0", "", "-1", "9" * 30):
        with pytest.raises(TerminalError, match="no such version"):
            open_registry(environment).version("eta", text)


def test_version_of_other_making_is_named(environment: Environment, tmp_path: Path) -> None:
    """A version registered past Airworthy is refused in words, not by a missing key."""
    registry = open_registry(environment)
    registry.client.create_registered_model("m")
    registry.client.create_model_version("m", tmp_path.as_uri())
    with pytest.raises(TerminalError, match="not registered by Airworthy"):
        registry.tag(registry.version("m", "1"), "airworthy.bundle_digest")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@db:5432/x", "postgresql://***@db:5432/x"),
        ("http://host/a@b and https://t0ken@h", "http://host/a@b and https://***@h"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
    ],
)
def test_addresses_lose_their_secrets(text: str, shown: str) -> None:
    """Users and passwords leave every address, and nothing else does."""
    assert without_secrets(text) == shown


def test_errors_of_other_kinds_are_left_alone(environment: Environment) -> None:
    """A fault in our own code stays what it is."""
    assert convert_error(ValueError("x"), environment) is None
