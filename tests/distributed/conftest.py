"""A deployment on several machines for the tests of this folder: two workers that share no folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.core.s3.s3_server import s3_server
from tests.end_to_end.conftest import write_model

from .deployment import USER, Deployment, deployment
from .machines import Processes, network
from .services import missing_programs, services
from .settings import Addresses, Settings, Storage

DEMANDED = "AIRWORTHY_DEMAND_DISTRIBUTED"
AT_ONCE = {"approval": "auto", "rollout": ["full"]}
MODELS = {
    "asked": {**AT_ONCE, "approval": "required", "approvers": [USER]},
    "killed": AT_ONCE,
    "taken": AT_ONCE,
}


def require_programs() -> None:
    """Leave the test out when this machine lacks a program; in CI, fail."""
    missing = missing_programs()
    if missing:
        message = f"this machine lacks {', '.join(missing)}"
        assert not os.environ.get(DEMANDED), f"{DEMANDED} is set, and {message}"
        pytest.skip(message)


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running deployment with small models. A person approves what ``asked`` releases."""
    require_programs()
    folder = tmp_path_factory.mktemp("deployment")
    models, logs = folder / "models", folder / "logs"
    logs.mkdir()
    for model, release in MODELS.items():
        write_model(models, model, release=release)
    with (
        network(folder / "machine") as machines,
        services(machines, Processes(logs)) as shared,
        s3_server(folder / "s3", machines.address) as store,
    ):
        settings = Settings(models, shared, Addresses.on(machines), Storage.in_bucket(store))
        with deployment(folder, machines, settings, Processes(logs)) as running:
            yield running
