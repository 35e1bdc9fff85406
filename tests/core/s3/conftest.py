"""Fixtures of the tests on S3: one server for all, and a prefix of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from airworthy.environment import Environment, load_environment

from .s3_server import BUCKET, S3Server, s3_server

ENVIRONMENT_FILE = """\
lake: ${AIRWORTHY_LAKE}
artifacts: ${AIRWORTHY_ARTIFACTS}
tracking_uri: "sqlite:///{state}/mlflow.db"
server_url: http://127.0.0.1:9
release: {dirty_trees: allow}
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that runs as long as the tests."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def prefix(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address without objects. This process has the variables that lead to it."""
    for name, value in server.of_tests.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def environment(
    environment: Environment, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    """An environment with lake and artifacts in the object store; the state folder is local."""
    folder = tmp_path / "project/include/environments"
    folder.mkdir(parents=True)
    (folder / "s3.yaml").write_text(ENVIRONMENT_FILE, encoding="utf-8")
    monkeypatch.setenv("AIRWORTHY_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("AIRWORTHY_ENV", "s3")
    monkeypatch.setenv("AIRWORTHY_LAKE", f"{prefix}/lake")
    monkeypatch.setenv("AIRWORTHY_ARTIFACTS", f"{prefix}/artifacts")
    return load_environment()
