"""A repository of each test's own, and no state but the test's."""

from __future__ import annotations

from pathlib import Path

import pytest

from .repository import Repository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The repository that each test copies."""
    return Repository(tmp_path_factory.mktemp("repository") / "project")


@pytest.fixture
def repository(template: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project in a git repository; its state is the test's."""
    made = Repository(tmp_path / "project", template)
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(made.project))
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(made.project)
    return made
