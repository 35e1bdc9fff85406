"""A small model of two released versions, beside a real model server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airworthy.environment import Environment
from airworthy.serving.in_process_server import running_server

from ..stages.conftest import LET_THROUGH, MakeModel, RunStages, make_model, run_stages  # noqa: TID252 - tests are no installed package

__all__ = ["make_model", "run_stages"]


@pytest.fixture
def server(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real model server on a free loopback port."""
    with running_server(environment) as running:
        monkeypatch.setenv("AIRWORTHY_SERVER_URL", running.url)
        yield running.url


@pytest.fixture
def model(server: str, make_model: MakeModel, run_stages: RunStages) -> str:
    """A model with version 2 as champion, after version 1."""
    # Its gates let every version through: which of them is better is of no interest here.
    name = make_model(evaluate=LET_THROUGH)
    run_stages(name, last="deploy_production", run_id="first")
    run_stages(name, last="deploy_production", as_of="2026-03-21", run_id="second")
    return name
