"""Fixtures of every test: its own state folder, and the bike-sharing file beside the project."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from airworthy.environment import Environment, load_environment
from airworthy.registry.mlflow_database import ensure_database

PROJECT = Path(__file__).resolve().parents[1]
STACK_FOLDERS = {"browser", "distributed", "end_to_end"}
BIKE_SHARING = PROJECT.parent / "shared" / "data" / "bike_sharing"

# Before any import of these libraries: tests report nothing to anybody.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# A busy machine is no fault of the code: no test may fail for the time that it took.
settings.register_profile("airworthy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("airworthy")
if BIKE_SHARING.is_dir():
    os.environ.setdefault("AIRWORTHY_DOWNLOADS", str(BIKE_SHARING))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a real stack first: other processes' tests fill their waiting time."""
    items.sort(key=lambda item: STACK_FOLDERS.isdisjoint(item.path.parts))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Restore the log level after each test: commands in a test's process set it."""
    logger = logging.getLogger("airworthy")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The local environment with its state in a fresh folder and no server at its address."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIRWORTHY_SERVER_URL", "http://127.0.0.1:9")
    return load_environment()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database without a model: to make its tables takes a second."""
    folder = tmp_path_factory.mktemp("mlflow")
    database = folder / "mlflow.db"
    ensure_database(f"sqlite:///{database}", str(folder / "artifacts"))
    return database


@pytest.fixture
def mlflow_database(environment: Environment, empty_database: Path) -> None:
    """MLflow's database in the test's state, for tests that are not about its first start."""
    environment.state.mkdir(exist_ok=True)
    copied = environment.state / "mlflow.db"
    if not copied.exists():
        shutil.copy(empty_database, copied)
