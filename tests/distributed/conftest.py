"""A deployment on several machines for the tests of this folder: two workers that share no folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import write_model
from .deployment import Deployment, deployment
from .machines import Processes, network
from .services import missing_programs, services

DEMANDED = "AIRWORTHY_DEMAND_DISTRIBUTED"
AT_ONCE = {"approval": "auto", "rollout": ["full"]}
SLOW = {
    "rounds": 2000,
    "early_stopping_rounds": 2000,
    "parameters": {"learning_rate": 0.001, "max_depth": 8},
}


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running deployment with two models. ``eta`` trains in a second, ``slow`` in many."""
    missing = missing_programs()
    if missing:
        message = f"this machine lacks {', '.join(missing)}"
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and {message}"
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("deployment")
    logs = folder / "logs"
    logs.mkdir()
    write_model(folder / "models", "eta", release=AT_ONCE)
    write_model(folder / "models", "slow", train=SLOW, release=AT_ONCE)
    with (
        network(folder / "machine") as machines,
        services(machines, Processes(logs)) as shared,
        deployment(folder, machines, shared, Processes(logs)) as running,
    ):
        yield running
