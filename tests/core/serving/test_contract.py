"""The contract at the door: rows outside a version's contract, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from airworthy.serving.in_process_server import RunningServer, serving
from airworthy.serving.loaded_model import Limits
from airworthy.spec.contract import Between, Contract, InSet, NotNull, Rule
from airworthy.spec.serving_part import OutOfContract
from airworthy.traffic.replica_reports import ReplicaReports

from ..eventually import eventually  # noqa: TID252 - tests are no installed package
from .conftest import FolderRegistry
from .rollout_client import RolloutClient

ROW: dict[str, Any] = {
    "picked_up_at": "2026-01-31T08:30:00Z",
    "distance_km": 3.2,
    "parcels": 2,
    "city": "Oslo",
    "express": True,
    "note": "ring twice",
}
URL = "/models/eta/invocations"
RULES: list[Rule] = [
    Between(column="distance_km", refuses=True, kind="range", min_value=0, strict_min=True),
    Between(column="distance_km", refuses=False, kind="range", max_value=100),
    Between(column="parcels", refuses=True, kind="range", min_value=1, max_value=30),
    InSet(column="city", refuses=True, value_set=["Bern", "Oslo", "Rome"]),
    NotNull(column="express", refuses=True),
    NotNull(column="note", refuses=False),
    Between(column="note", refuses=True, kind="length", max_value=12),
]


def contract(mode: OutOfContract = "refuse", rules: list[Rule] = RULES) -> Contract:
    """Return a contract."""
    return Contract(out_of_contract=mode, rules=rules)


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> FolderRegistry:
    """The champion of eta refuses; that of lenient answers; that of old has no contract."""
    registry = FolderRegistry(tmp_path_factory.mktemp("contracts"))
    registry.add("eta", "1", contract=contract())
    registry.add("lenient", "1", contract=contract("answer"))
    registry.add("old", "1")
    for model in ("eta", "lenient", "old"):
        registry.promote(model, "1")
    return registry


@pytest.fixture(scope="module")
def door(contracts: FolderRegistry) -> Iterator[RunningServer]:
    """A server of `contracts`."""
    with serving(lambda: contracts, contracts.record.following()) as running:
        yield running


@pytest.fixture
def http(door: RunningServer) -> Iterator[httpx.Client]:
    """A client of `door`."""
    with httpx.Client(base_url=door.url, timeout=30) as client:
        yield client


def counted(http: httpx.Client, metric: str, model: str) -> dict[tuple[str, str], float]:
    """Return a counter of rows by column and reason."""
    return {
        (sample.labels["column"], sample.labels["reason"]): sample.value
        for family in text_string_to_metric_families(http.get("/metrics").text)
        for sample in family.samples
        if sample.name == metric and sample.labels["model"] == model
    }


OUTSIDE: list[tuple[str, Any, str, str]] = [
    ("distance_km", 1e39, "not_finite", "received 1e+39 (row 1), allowed: a finite 32-bit number"),
    ("distance_km", 0, "range", "received 0 (row 1), allowed: a number above 0 or null"),
    ("parcels", 31, "range", "received 31 (row 1), allowed: a number from 1 to 30 or null"),
    ("parcels", -(2**63), "range", "(row 1), allowed: a number from 1 to 30"),
    ("city", "Paris", "set", "received 'Paris' (row 1), allowed: one of 'Bern', 'Oslo', 'Rome' or"),
    ("express", None, "null", "received null (row 1), allowed: a value other than null"),
    ("note", "x" * 13, "length", "allowed: text with a number of characters of at most 12 or null"),
]


@pytest.mark.parametrize(("column", "value", "reason", "message"), OUTSIDE)
@pytest.mark.parametrize("more", [0, 200])
def test_a_row_outside_the_contract_is_refused_with_its_column_value_and_rule(
    http: httpx.Client, column: str, value: Any, reason: str, message: str, more: int
) -> None:
    """The whole request is a 400 that names row, column, value, the allowed ones and the next step,
    and its row is counted; in the event loop and in a thread.
    """
    before = counted(http, "airworthy_refused_rows_total", "eta")
    reply = http.post(URL, json={"inputs": [ROW, ROW | {column: value}] + [ROW] * more})
    body = reply.json()
    assert reply.status_code == 400
    assert message in body["error"]
    assert (body["field"], body["row"]) == (column, 1)
    assert "GET /models/eta shows the contract of version 1" in body["next_step"]
    after = counted(http, "airworthy_refused_rows_total", "eta")
    assert after[column, reason] == before.get((column, reason), 0) + 1
    alone = http.post(URL, json={"inputs": [ROW | {column: value}]})
    assert (alone.status_code, alone.json()["row"]) == (400, 0)


def test_a_contract_that_answers_counts_the_rows(http: httpx.Client) -> None:
    """With `out_of_contract: answer`, rows outside are answered and counted."""
    before = counted(http, "airworthy_outside_rows_total", "lenient")
    for column, value, _, _ in OUTSIDE:
        reply = http.post(
            "/models/lenient/invocations", json={"inputs": [ROW, ROW | {column: value}]}
        )
        assert reply.status_code == 200, reply.text
    after = counted(http, "airworthy_outside_rows_total", "lenient")
    grown = {key: after[key] - before.get(key, 0) for key in after}
    assert grown["parcels", "range"] == 2
    assert grown["distance_km", "not_finite"] == grown["city", "set"] == 1
    assert counted(http, "airworthy_refused_rows_total", "lenient") == {}


def test_a_rule_of_a_warning_or_a_share_refuses_nothing_and_is_counted(http: httpx.Client) -> None:
    """A row that breaks only such rules is answered."""
    before = counted(http, "airworthy_outside_rows_total", "eta")
    reply = http.post(URL, json={"inputs": [ROW, ROW | {"distance_km": 1e30, "note": None}]})
    assert reply.status_code == 200
    after = counted(http, "airworthy_outside_rows_total", "eta")
    for key in (("distance_km", "range"), ("note", "null")):
        assert after[key] == before.get(key, 0) + 1


def test_a_bundle_without_a_contract_answers_as_before(http: httpx.Client) -> None:
    """A version made before there were contracts refuses no row of the right types."""
    for column, value, _, _ in OUTSIDE:
        reply = http.post("/models/old/invocations", json={"inputs": [ROW | {column: value}]})
        assert reply.status_code == 200, reply.text


def test_the_contract_is_shown_with_its_model(http: httpx.Client) -> None:
    """The next step of a refusal leads to the rules."""
    shown = http.get("/models/eta").json()["contract"]
    assert Contract.model_validate(shown) == contract()
    assert http.get("/models/old").json()["contract"] is None


def test_administration_asks_no_contract(door: RunningServer, http: httpx.Client) -> None:
    """A release compares a version's answers, whatever the rows."""
    reply = http.post(
        "/models/eta/versions/1/invocations",
        json={"inputs": [ROW | {"parcels": 31}]},
        headers={"authorization": f"Bearer {door.token}"},
    )
    assert reply.status_code == 200


def test_the_servers_report_counts_rows_outside(tmp_path: Path) -> None:
    """Rows judged, rows outside and their columns are in the report; rows of warnings are not."""
    registry = FolderRegistry(tmp_path)
    registry.add("eta", "1", contract=contract())
    registry.promote("eta", "1")
    following = registry.record.following()
    with serving(lambda: registry, following) as running:
        for parcels, distance in ((2, 3.0), (2, 1e30), (99, 1e39)):
            row = ROW | {"parcels": parcels, "distance_km": distance}
            httpx.post(running.url + URL, json={"inputs": [ROW, row]})
    assert isinstance(following.reports, ReplicaReports)
    (report,) = [replica.report for replica in following.reports.read()]
    counts = report.models["eta"].contract
    assert counts is not None
    assert (counts.rows, counts.outside) == (6, 1)
    assert counts.columns == {"parcels": 1, "distance_km": 1}


def test_the_arm_that_answers_judges_and_no_client_makes_an_arm_fail(tmp_path: Path) -> None:
    """A challenger's stricter contract refuses its own clients, the champion's answers its own, and
    the guard's figures count no error. A shadow judges nobody.
    """
    registry = FolderRegistry(tmp_path)
    registry.add("eta", "1", contract=contract())
    narrow = Between(column="parcels", refuses=True, kind="range", max_value=1)
    registry.add("eta", "2", seed=5, contract=contract(rules=[narrow]))
    registry.promote("eta", "1")
    body = {"inputs": [ROW]}
    with (
        serving(lambda: registry, registry.record.following()) as running,
        RolloutClient(running) as client,
    ):
        registry.record.begin(50)
        client.wait_for_step(50)
        keys = [f"customer-{number}" for number in range(40)]
        replies = {
            key: client.post(URL, json=body, headers={"x-targeting-key": key}) for key in keys
        }
        statuses = [reply.status_code for reply in replies.values()]
        assert set(statuses) == {200, 400}
        assert all(
            "the contract of version 2" in reply.json()["next_step"]
            for reply in replies.values()
            if reply.status_code == 400
        )
        champion, challenger = client.arm("champion"), client.arm("challenger")
        assert (champion["requests"], champion["errors"]) == (statuses.count(200), 0)
        assert (challenger["requests"], challenger["errors"]) == (0, 0)
        registry.record.begin("shadow")
        client.wait_for_step("shadow")
        assert client.post(URL, json=body).status_code == 200
        eventually("the shadow's answer", lambda: client.arm("challenger")["requests"] == 1)
        assert client.arm("challenger")["errors"] == 0


def test_a_large_request_is_judged_in_a_thread_as_a_small_one(contracts: FolderRegistry) -> None:
    """The limit of the event loop changes no refusal."""
    with serving(
        lambda: contracts, contracts.record.following(), limits=Limits(inline_bytes=1)
    ) as running:
        for column, value, _, message in OUTSIDE:
            reply = httpx.post(running.url + URL, json={"inputs": [ROW, ROW | {column: value}]})
            assert reply.status_code == 400
            assert message in reply.json()["error"]
