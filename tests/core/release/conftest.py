"""A small model of two released versions, beside a real model server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airworthy.environment import Environment
from airworthy.serving.in_process_server import running_server

from ..stages.conftest import LET_THROUGH, MakeModel, make_model, run_stages  # noqa: TID252 - tests are no installed package
from .released_states import copy_released_state

__all__ = ["make_model", "run_stages"]


@pytest.fixture
def released(environment: Environment) -> None:
    """The state of a model with version 2 as champion, after version 1."""
    copy_released_state(environment.state, ("first", "2026-03-20"), ("second", "2026-03-21"))


@pytest.fixture
def server(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A real model server on a free loopback port."""
    # Before the server's first look.
    request.getfixturevalue("released" if "model" in request.fixturenames else "mlflow_database")
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        yield running.url


@pytest.fixture
def model(server: str, make_model: MakeModel) -> str:
    """A model with version 2 as champion, after version 1."""
    # Its gates let every version through: which of them is better is of no interest here.
    return make_model(evaluate=LET_THROUGH)
