"""One version for each idempotency key, from two machines without a common folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from airworthy.environment import Environment, load_environment
from airworthy.registry.registry import Registry, open_registry
from airworthy.registry.tags import IDEMPOTENCY_KEY, REGISTERING
from airworthy.registry.tracking import experiment_id

MODEL = "parcels"
ROUNDS = 25
_barriers: list[Any] = []


def _start(folder: str, tracking_uri: str, barrier: Any, count: Any) -> None:
    """Give a process a state folder of its own."""
    with count.get_lock():
        count.value += 1
        os.environ["AIRWORTHY_STATE"] = f"{folder}/machine {count.value}"
    os.environ["AIRWORTHY_TRACKING_URI"] = tracking_uri
    _barriers.append(barrier)


def _register(key: str) -> tuple[str, bool]:
    registry = open_registry(load_environment())
    _barriers[0].wait(timeout=120)
    return registry.register(MODEL, key, *logged(registry.environment), {})


def _experiment(name: str) -> str:
    environment = load_environment()
    client = open_registry(environment).client
    _barriers[0].wait(timeout=120)
    return experiment_id(environment, client, name)


def logged(environment: Environment) -> tuple[str, str]:
    """Return the address of a logged model and its run: files are of no interest here."""
    return environment.state.parent.as_uri(), "0" * 32


@pytest.fixture
def machines(environment: Environment, tmp_path: Path) -> Iterator[Any]:
    """Two processes with a state folder each and one MLflow database: they start a job together."""
    open_registry(environment)
    context = get_context("spawn")
    barrier, count = context.Barrier(2), context.Value("i", 0)
    arguments = (str(tmp_path), environment.tracking_uri, barrier, count)
    with context.Pool(2, initializer=_start, initargs=arguments) as pool:
        yield lambda job, given: pool.map(job, [given, given], chunksize=1)
    assert count.value == 2


def test_two_machines_register_one_version(environment: Environment, machines: Any) -> None:
    """Often: both get the same version, one of them made it, and no other one is left."""
    for number in range(ROUNDS):
        (first, made), (second, made_too) = machines(_register, f"key {number}")
        assert first == second
        assert [made, made_too].count(True) == 1
    assert_one_version_for_each_key(open_registry(environment), ROUNDS)


def test_two_machines_make_one_experiment(environment: Environment, machines: Any) -> None:
    """Both get the same experiment of a model that MLflow has never seen."""
    for number in range(5):
        first, second = machines(_experiment, f"model {number}")
        assert first == second


@pytest.mark.parametrize("lost", [1, 2])
def test_registration_that_was_cut_off_is_completed(environment: Environment, lost: int) -> None:
    """After a crash between the creation and the comparison, the next call settles it."""
    registry = open_registry(environment)
    registry.client.create_registered_model(MODEL)
    source, run_id = logged(environment)
    for _ in range(lost):
        registry.client.create_model_version(
            MODEL, source, run_id, tags={IDEMPOTENCY_KEY: "key", REGISTERING: "true"}
        )
    assert registry.versions(MODEL) == []
    assert registry.register(MODEL, "key", source, run_id, {}) == ("1", False)
    assert_one_version_for_each_key(registry, 1)


def test_version_that_was_handed_out_is_never_deleted(environment: Environment) -> None:
    """Two versions with one key from two machines of earlier days stay; the first one counts."""
    registry = open_registry(environment)
    registry.client.create_registered_model(MODEL)
    source, run_id = logged(environment)
    for _ in range(2):
        registry.client.create_model_version(MODEL, source, run_id, tags={IDEMPOTENCY_KEY: "key"})
    assert registry.register(MODEL, "key", source, run_id, {}) == ("1", False)
    assert [str(each.version) for each in registry.versions(MODEL, "key")] == ["1", "2"]


def assert_one_version_for_each_key(registry: Registry, count: int) -> None:
    """Assert that each key has one version, and that every registration has ended."""
    versions = registry.client.search_model_versions(f"name = '{MODEL}'")
    assert len({version.tags[IDEMPOTENCY_KEY] for version in versions}) == len(versions) == count
    assert not any(REGISTERING in version.tags for version in versions)
    assert len(registry.versions(MODEL)) == count
