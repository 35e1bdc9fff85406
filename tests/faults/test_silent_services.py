"""Every command gives up on a service that accepts connections and never answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from airworthy.answer_limit import ANSWER_SECONDS
from airworthy.cli.airflow_session import AirflowSession
from airworthy.environment import load_environment
from airworthy.errors import TransientError
from airworthy.lake.sources.download import fetch
from airworthy.lake.sources.sql_source import Sql
from airworthy.registry.registry import open_registry
from airworthy.spec.sources_part import SqlSource

# Four times the promise: the machine of the tests is busy. Without a limit it takes minutes.
ENOUGH_SECONDS = 4 * ANSWER_SECONDS
QUERY = "SELECT * FROM rows WHERE at >= :start AND at < :end"


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of a listener that never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def given_up(contact: Callable[[], object]) -> tuple[str, float]:
    """Return the error of a contact, and the time until it came."""
    started = time.monotonic()
    with pytest.raises(TransientError) as error:
        contact()
    return str(error.value), time.monotonic() - started


def command_given_up(*command: str) -> tuple[str, float]:
    """Return the error of a command that ends with exit code 75, and the time until it came."""
    started = time.monotonic()
    arguments = [sys.executable, "-m", "airworthy", *command]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended.returncode == 75, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr, time.monotonic() - started


def test_a_silent_service_is_given_up_and_named(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients by themselves wait for minutes, or for ever."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", f"http://{silent}")
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", f"http://{silent}")
    monkeypatch.setenv("AIRWORTHY_SERVER_TOKEN", "a-token")
    database = Sql(
        SqlSource(type="sql", url=f"postgresql+psycopg2://me@{silent}/rows", query=QUERY), tmp_path
    )
    order = ("rollback", "delivery_eta", "--break-glass", "--reason", "it is bad")
    contacts: dict[str, Callable[[], tuple[str, float]]] = {
        "MLflow": lambda: given_up(lambda: open_registry(load_environment())),
        "the database": lambda: given_up(lambda: database.read(date(2026, 1, 1))),
        "the model server": lambda: command_given_up(*order),
        "MLflow did not": lambda: command_given_up("release", "delivery_eta", "1"),
        "Airflow": lambda: given_up(AirflowSession(f"http://{silent}", "a-token").person),
        "rows.csv": lambda: given_up(lambda: fetch(f"http://{silent}/rows.csv", tmp_path)),
    }
    with ThreadPoolExecutor(len(contacts)) as pool:
        ended = dict(zip(contacts, pool.map(lambda each: each(), contacts.values()), strict=True))
    for service, (error, seconds) in ended.items():
        assert service in error
        assert silent in error
        assert seconds < ENOUGH_SECONDS, service


def test_an_mlflow_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own client would try for four minutes."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    monkeypatch.setenv("AIRWORTHY_TRACKING_URI", f"http://{address}")
    error, seconds = given_up(lambda: open_registry(load_environment()))
    assert address in error
    assert seconds < ENOUGH_SECONDS
