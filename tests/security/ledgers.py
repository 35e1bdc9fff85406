"""Ledgers to attack, and the commands that have to notice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from typer.testing import CliRunner, Result

from airworthy.cli.main import app
from airworthy.environment import Environment, load_environment
from airworthy.ledger import Entry, open_ledger
from airworthy.ledger.events import AliasMove, ApprovalAnswered, LedgerEvent, Registration
from airworthy.ledger.ledger import Ledger

MODEL = "tram_delay"
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
OpenWithAnchors = Callable[..., Environment]


def three_releases() -> list[LedgerEvent]:
    """Return the registrations, approvals and promotions of three versions."""
    events: list[LedgerEvent] = []
    for version in ("1", "2", "3"):
        digest = version * 64
        events += [
            Registration(version=version, validation_status="approved", bundle_digest=digest),
            ApprovalAnswered(version=version, bundle_digest=digest, decision="approve", at=NOON),
            AliasMove(to=version, bundle_digest=digest),
        ]
    return events


def record(environment: Environment, who: str = "ann", model: str = MODEL) -> list[Entry]:
    """Record three releases, and return the ledger's entries."""
    book = open_ledger(environment, model)
    for event in three_releases():
        book.append(event, run_id=f"run-{event.subject}", who=who, proved_by="airflow")
    return book.entries()


def cut(environment: Environment, count: int, model: str = MODEL) -> None:
    """Delete the last commits of a ledger, and their files."""
    folder = Path(open_ledger(environment, model).uri)
    for commit in sorted((folder / "_delta_log").glob("*.json"))[-count:]:
        for line in commit.read_text().splitlines():
            if "add" in (action := json.loads(line)):
                (folder / action["add"]["path"]).unlink()
        commit.unlink()


def write_anew(environment: Environment, who: str) -> None:
    """Write the whole chain again with another name, as whoever may write the lake can."""
    folder = Path(open_ledger(environment, MODEL).uri)
    shutil.rmtree(folder)
    book = Ledger(str(folder), MODEL, FileLock(folder.parent / "lock"))
    for event in three_releases():
        book.append(event, run_id=f"run-{event.subject}", who=who, proved_by="airflow")


def command(*words: str) -> Result:
    """Run a command in this process. Its error is in the result."""
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def open_with_anchors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenWithAnchors:
    """Return a function that opens an environment with some anchors."""

    def opened(*anchors: dict[str, Any]) -> Environment:
        folder = tmp_path / "project" / "include" / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "lake": "{state}/lake",
            "tracking_uri": "sqlite:///{state}/mlflow.db",
            "artifacts": "{state}/mlartifacts",
            "server_url": "http://127.0.0.1:9",
            "anchors": list(anchors),
        }
        (folder / "anchored.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path / "project"))
        monkeypatch.setenv("AIRWORTHY_ENV", "anchored")
        monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
        return load_environment()

    return opened
