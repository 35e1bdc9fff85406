"""The server's OpenAPI document: it is valid, follows the champions, and the server keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.serving.loaded_model import Limits
from airworthy.spec.contract import Between, Contract, InSet, NotNull

from .conftest import FolderRegistry
from .rollout_client import RolloutClient

CONTRACT = Contract(
    out_of_contract="refuse",
    rules=[
        Between(column="distance_km", refuses=True, kind="range", min_value=0, strict_min=True),
        Between(column="parcels", refuses=True, kind="range", min_value=1, max_value=30),
        Between(column="parcels", refuses=False, kind="range", max_value=9),
        InSet(column="city", refuses=True, value_set=["Bern", "Oslo", "Rome"]),
        NotNull(column="express", refuses=True),
        Between(column="note", refuses=True, kind="length", max_value=12),
    ],
)
ROW: dict[str, Any] = {
    "picked_up_at": "2026-01-31T08:30:00Z",
    "distance_km": 3.2,
    "parcels": 2,
    "city": "Oslo",
    "express": True,
    "note": "ring twice",
}
EXAMPLES = 8
# The bodies of these are valid for some model's columns, classes or ids only.
OF_ANY_MODEL = {
    "/models/{model}/invocations",
    "/models/{model}/versions/{version}/invocations",
    "/models/{model}/labels",
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of a regression with a contract and of a multiclass model without one."""
    registry = FolderRegistry(tmp_path_factory.mktemp("openapi"))
    registry.add("eta", "1", contract=CONTRACT)
    registry.add("status", "1", "multiclass")
    registry.promote("eta", "1")
    registry.promote("status", "1")
    limits = Limits(max_rows=40)
    with serving(lambda: registry, registry.record.following(), limits=limits) as running:
        yield running


def document(url: str) -> dict[str, Any]:
    """Return the server's document."""
    return dict(httpx.get(f"{url}/openapi.json").raise_for_status().json())


def body_of(opened: dict[str, Any], model: str) -> Draft202012Validator:
    """Return the validator of the bodies of a model's path."""
    operation = opened["paths"][f"/models/{model}/invocations"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(schema | {"components": opened["components"]})


def test_the_document_is_valid_and_has_a_path_for_each_served_model(door: RunningServer) -> None:
    """OpenAPI 3.1, with the columns, types and limits of each champion, and its example valid."""
    opened = document(door.url)
    assert opened["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(opened).validate()
    for model in ("eta", "status"):
        example = httpx.get(f"{door.url}/models/{model}/example").json()
        reply = httpx.post(f"{door.url}/models/{model}/invocations", json=example)
        assert body_of(opened, model).is_valid(example) == (reply.status_code == 200)
    assert {"/models/{model}/invocations", "/models/{model}/labels"} <= opened["paths"].keys()
    assert "422" not in str(opened["paths"])


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("distance_km", [0.1, None, 0, -1.0, 1e39, "1", True]),
        ("parcels", [1, 30, 2.0, None, 0, 31, 2.5, 2**63]),
        ("city", ["Rome", None, "Paris", 1]),
        ("express", [True, None, 1]),
        ("note", ["", None, "x" * 12, "x" * 13]),
        ("picked_up_at", ["2026-01-31T08:30:00+01:00", None, 7]),
    ],
)
def test_the_schema_takes_the_values_that_the_server_takes(
    door: RunningServer, column: str, values: list[Any]
) -> None:
    """In each form, a value is valid by the document exactly when the server answers it."""
    validator = body_of(document(door.url), "eta")
    for value in values:
        row = ROW | {column: value}
        for body in (
            {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
            {"dataframe_records": [ROW, row]},
            {"inputs": {name: [value] for name, value in row.items()}},
            {"instances": [row], "params": {}},
        ):
            reply = httpx.post(f"{door.url}/models/eta/invocations", json=body)
            assert validator.is_valid(body) == (reply.status_code == 200), (body, reply.text)


def test_the_document_follows_the_champion(
    own_registry: FolderRegistry, own_server: RunningServer
) -> None:
    """A new champion's contract is in the document as soon as it answers."""
    row = ROW | {"city": "Paris"}
    assert body_of(document(own_server.url), "eta").is_valid({"inputs": [row]})
    own_registry.add("eta", "3", contract=CONTRACT)
    own_registry.promote("eta", "3")
    with RolloutClient(own_server) as client:
        client.wait_for_champion("3")
    opened = document(own_server.url)
    assert not body_of(opened, "eta").is_valid({"inputs": [row]})
    assert "version: 3" in opened["paths"]["/models/eta/invocations"]["post"]["description"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_server_answers_as_its_document_says(door: RunningServer, mode: GenerationMode) -> None:
    """Whatever schemathesis sends to any route, valid or not, all of its checks hold."""
    schema = schemathesis.openapi.from_url(f"{door.url}/openapi.json")
    schema.config.update(headers={"authorization": f"Bearer {door.token}"})
    schema.config.generation.update(modes=[mode], deterministic=True)
    # Too many rows are a 413.
    schema.config.checks.negative_data_rejection.expected_statuses.append("413")
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case[Any]) -> None:
            nonlocal tried
            tried += 1
            is_any = case.operation.path in OF_ANY_MODEL
            left_out: list[Any] = [CHECKS.get_one("positive_data_acceptance")] if is_any else []
            if mode is GenerationMode.POSITIVE:
                _even_out(case.body)
            case.call_and_validate(
                headers={"authorization": f"Bearer {door.token}"}, excluded_checks=left_out
            )

        ask()
    assert tried > EXAMPLES


def _even_out(body: Any) -> None:
    """Cut the columns of a body to one length. JSON Schema cannot ask for that."""
    for form in body.values() if isinstance(body, dict) else ():
        if isinstance(form, dict):
            for name in form.keys() - {*ROW, "columns", "data"}:
                del form[name]
            if "data" not in form:
                shortest = min(map(len, form.values()), default=0)
                form.update({name: values[:shortest] for name, values in form.items()})
