"""The settings of a deployment on several machines, and their documentation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from tests.core.s3.s3_server import S3Server

from airworthy_airflow.stack.layout import load_layout
from airworthy_airflow.stack.secret_keys import Secrets
from airworthy_airflow.stack.settings import QUIET, SHARED_CORES, airflow_settings

from .services import DATABASES, Services
from .settings import PROJECT, Addresses, Settings, Storage, shared_settings

PAGE = PROJECT / "docs" / "design" / "distributed.md"
LOCAL_SETTINGS = PROJECT / "infra" / "airflow" / "airflow_local_settings.py"
# Settings of the embedded stack that several machines have otherwise, or not at all.
OTHERWISE = {
    "AIRFLOW__API__HOST",
    "AIRFLOW__CORE__AUTH_MANAGER",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL",
    "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",
    "AIRFLOW__METRICS__STATSD_PORT",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME",
}


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The whole environment of a part of Airflow."""
    services = Services(dict.fromkeys(DATABASES, "postgresql://"), "redis://")
    addresses = Addresses("http://a:1", "http://m:1", "http://s:1")
    storage = Storage.in_bucket(S3Server("http://s3:1", "key", "secret"))
    settings = Settings(tmp_path, services, addresses, storage)
    return settings.of_part(tmp_path)


def test_the_file_and_the_page_name_every_variable(variables: dict[str, str]) -> None:
    """Nothing else is needed. The tests of this folder start every process with these variables."""
    page = PAGE.read_text(encoding="utf-8")
    known = {"PATH", "LC_ALL", *shared_settings()}
    assert {name for name in variables if name not in known and name not in page} == set()


def test_settings_are_those_of_the_embedded_stack_but_where_they_have_to_differ(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A setting that is added to one is added to the other, or named here."""
    monkeypatch.setenv("AIRWORTHY_STATE", str(tmp_path))
    secrets = Secrets("fernet", "jwt", "secret", "password")
    embedded = {**airflow_settings(load_layout(), secrets), **QUIET, **SHARED_CORES}
    shared = shared_settings()
    addresses_and_secrets = variables.keys() - shared.keys()
    different = {name for name, value in embedded.items() if shared.get(name) != value}
    assert different - addresses_and_secrets == OTHERWISE


@pytest.mark.parametrize(
    ("arguments", "executor", "expected"),
    [
        (["scheduler"], "LocalExecutor", True),
        (["scheduler"], "CeleryExecutor", False),
        (["celery", "worker"], "CeleryExecutor", True),
        (["celery", "flower"], "CeleryExecutor", False),
        (["api-server"], "LocalExecutor", False),
        ([], "LocalExecutor", False),
    ],
)
def test_libraries_are_imported_once_where_tasks_are_forked_from(
    arguments: list[str], executor: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Celery that is the worker, and the scheduler stays small."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert local_settings().forks_tasks(arguments) is expected


def local_settings() -> ModuleType:
    """Return the module that Airflow loads by its name, from its file."""
    specification = importlib.util.spec_from_file_location("local_settings", LOCAL_SETTINGS)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
