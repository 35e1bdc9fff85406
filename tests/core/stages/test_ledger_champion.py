"""The ledger names the champion and its files. MLflow's alias and tags decide nothing."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.environment import Environment
from airworthy.errors import TerminalError
from airworthy.handover.catalogue import OPERATIONS
from airworthy.registry.registry import CHAMPION, open_registry
from airworthy.registry.tags import BUNDLE_DIGEST
from airworthy.stages import run_stage

from ..champions import make_champion  # noqa: TID252 - tests are no installed package
from .conftest import MakeModel, RunStages

EVALUATE = {"gates": [{"metric": "rmse", "max": 100}]}
MONITOR = {"min_rows": 100, "reference": "14d"}


@pytest.fixture
def payload(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> dict[str, Any]:
    """The payload of the training of version 2. Version 1 is champion by the ledger."""
    model = make_model(evaluate=EVALUATE, monitor=MONITOR, score={})
    make_champion(environment, model, run_stages(model)["version"]["version"])
    return run_stages(model, run_id="second", parameters={"max_depth": 2})


def run(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """Run an operation, put its output into the payload, and return the output."""
    output = run_stage(name, payload)
    payload[OPERATIONS[name].output] = output
    return output


def test_an_alias_that_was_moved_in_mlflow_makes_no_champion(
    environment: Environment, payload: dict[str, Any]
) -> None:
    """Evaluation, scoring and monitoring go on with the version of the ledger."""
    model = payload["run"]["model"]
    open_registry(environment).client.set_registered_model_alias(model, CHAMPION, "2")
    assert run(payload, "evaluate")["champion_version"] == "1"
    assert run(payload, "ingest_inputs")["version"] == "1"
    assert run(payload, "check_age")["champion"] == "1"
    assert run(payload, "check_data")["window"]["champion"] == "1"


def test_an_alias_without_a_release_makes_no_champion(
    environment: Environment, make_model: MakeModel, run_stages: RunStages
) -> None:
    """A version that was only given the alias in MLflow is compared with nothing and scores nothing."""
    model = make_model(evaluate=EVALUATE, score={})
    payload = run_stages(model)
    open_registry(environment).client.set_registered_model_alias(model, CHAMPION, "1")
    assert run(payload, "evaluate")["champion_version"] is None
    assert run(payload, "check_age")["champion"] is None
    with pytest.raises(TerminalError, match="no champion"):
        run(payload, "ingest_inputs")


@pytest.mark.parametrize("operation", ["evaluate", "ingest_inputs", "check_skew"])
def test_a_digest_that_was_changed_in_mlflow_stops_the_champion(
    environment: Environment, payload: dict[str, Any], operation: str
) -> None:
    """The error names both digests. No file of the champion is loaded."""
    run(payload, "check_data")
    client = open_registry(environment).client
    client.set_model_version_tag(payload["run"]["model"], "1", BUNDLE_DIGEST, "0" * 64)
    with pytest.raises(TerminalError, match="name different files of version 1") as refused:
        run(payload, operation)
    assert "0" * 64 in str(refused.value.received)
    assert len(str(refused.value.allowed).split()[1].strip(",")) == 64
