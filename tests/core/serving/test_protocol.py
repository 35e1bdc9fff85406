"""The scoring protocol over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airworthy.bundle import ModelBundle
from airworthy.release.server_client import split_body
from airworthy.serving.in_process_server import serving
from airworthy.serving.loaded_model import Limits

from .conftest import FolderRegistry

ROW: dict[str, Any] = {
    "picked_up_at": "2026-01-31T08:30:00Z",
    "distance_km": 3.2,
    "parcels": 2,
    "city": "Oslo",
    "express": True,
    "note": "ring twice",
}
URL = "/models/eta/invocations"


def json_rows(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    split = json.loads(split_body(rows))["dataframe_split"]
    return [dict(zip(split["columns"], values, strict=True)) for values in split["data"]]


def forms(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return every form of a request's body for these rows."""
    records = json_rows(rows)
    columns = {name: [record[name] for record in records] for name in records[0]}
    shuffled = [
        {name: record[name] for name in reversed(record)} | {"ignored": [1]} for record in records
    ]
    return {
        "dataframe_split": json.loads(split_body(rows)),
        "dataframe_records": {"dataframe_records": records},
        "inputs of columns": {"inputs": columns},
        "inputs of records": {"inputs": shuffled},
        "instances": {"instances": records, "params": {}},
        "instances of columns": {"instances": columns | {"ignored": [None] * len(records)}},
    }


@pytest.mark.parametrize("model", ["eta", "late", "status"])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_every_form_gives_the_bundles_predictions(
    http: httpx.Client, registry: FolderRegistry, rows: pl.DataFrame, model: str, count: int
) -> None:
    """Whatever form the rows come in, and however many, the answer is bit for bit the offline
    prediction.
    """
    expected = ModelBundle.load(*registry.bundle(model, "1")).predict(rows[:count])
    for form, body in forms(rows[:count]).items():
        reply = http.post(f"/models/{model}/invocations", json=body)
        assert reply.status_code == 200, (form, reply.text)
        assert reply.json()["model"] == model
        assert reply.json()["version"] == reply.headers["x-model-version"] == "1"
        assert np.array_equal(
            np.asarray(reply.json()["predictions"], dtype=np.float32), expected
        ), form


def test_a_row_scores_the_same_alone_and_in_a_batch(http: httpx.Client, rows: pl.DataFrame) -> None:
    """Batching changes no prediction, in the event loop or beyond it."""
    many = pl.concat([rows] * 40)
    body = split_body(many)
    assert len(body) > Limits().inline_bytes
    batch = http.post(URL, content=body, headers={"content-type": "application/json"}).json()[
        "predictions"
    ]
    alone = [
        http.post(URL, json={"inputs": [row]}).json()["predictions"][0] for row in json_rows(rows)
    ]
    assert batch == alone * 40


def test_times_mean_utc(http: httpx.Client) -> None:
    """A naive time is UTC, and one with an offset is the same instant in UTC."""
    texts = [
        "2026-01-31T08:30:00Z",
        "2026-01-31T08:30:00",
        "2026-01-31 10:30:00.000+02:00",
        "2026-01-31T08:30:00+00:00",
    ]
    reply = http.post(URL, json={"instances": [ROW | {"picked_up_at": text} for text in texts]})
    assert len(set(reply.json()["predictions"])) == 1
    night = http.post(
        URL, json={"instances": [ROW | {"picked_up_at": "2026-01-31T08:30:00+06:00"}]}
    )
    assert night.status_code == 200


def split(columns: list[Any], data: Any) -> dict[str, Any]:
    """Return a body in the form dataframe_split."""
    return {"dataframe_split": {"columns": columns, "data": data}}


def without(name: str) -> dict[str, Any]:
    """Return the row without one column."""
    return {key: value for key, value in ROW.items() if key != name}


NAMES, VALUES = list(ROW), list(ROW.values())
MALFORMED: list[tuple[Any, int, str | None, str]] = [
    ({}, 400, "the body", "received keys none"),
    ([ROW], 400, "the body", "a JSON object with exactly one of dataframe_split"),
    ({"inputs": [ROW], "instances": [ROW]}, 400, "the body", "'inputs', 'instances'"),
    ({"rows": [ROW]}, 400, "the body", "'rows'"),
    ({"inputs": [ROW], "params": {"a": 1}}, 400, "the body", "'params'"),
    ({"inputs": []}, 400, "inputs", "received no rows"),
    ({"inputs": {name: [] for name in ROW}}, 400, "inputs", "received no rows"),
    ({"inputs": "abc"}, 400, "inputs", "received 'abc'"),
    ({"inputs": None}, 400, "inputs", "received None"),
    ({"instances": [[1, 2]]}, 400, "instances", "received [1, 2] (row 0)"),
    ({"dataframe_records": {"a": 1}}, 400, "dataframe_records", "[{column: value, ...}, ...]"),
    ({"dataframe_records": [ROW, without("city")]}, 400, "city", "this column is missing (row 1)"),
    (
        {"inputs": [without("distance_km") | {"distance": 1}]},
        400,
        "distance_km",
        "did you mean 'distance_km' by 'dist",
    ),
    (
        {"inputs": {**{n: [v] for n, v in ROW.items()}, "city": "Oslo"}},
        400,
        "inputs.city",
        "a list of values",
    ),
    (
        {"inputs": {**{n: [v] for n, v in ROW.items()}, "city": ["Oslo"] * 2}},
        400,
        "inputs",
        "different lengths",
    ),
    (
        {"inputs": {n: [v] for n, v in ROW.items() if n != "note"}},
        400,
        "note",
        "this column is missing",
    ),
    ({"dataframe_split": [1]}, 400, "dataframe_split", '"columns": [name, ...]'),
    (split(NAMES, []), 400, "dataframe_split", "received no rows"),
    (split(NAMES, [VALUES, VALUES[:-1]]), 400, "dataframe_split.data", "received 5 values (row 1)"),
    (split(NAMES, [VALUES, "x"]), 400, "dataframe_split.data", "received 'x' (row 1)"),
    (split(NAMES[:-1], [VALUES[:-1]]), 400, "note", "this column is missing"),
    (
        split([*NAMES, "city"], [[*VALUES, "Rome"]]),
        400,
        "dataframe_split.columns",
        "'city' 2 times",
    ),
]
WRONG_VALUES: list[tuple[str, Any, str]] = [
    ("distance_km", "abc", "distance_km: received 'abc' (row 1), allowed: a number or null"),
    ("distance_km", True, "distance_km: received True (row 1), allowed: a number or null"),
    (
        "parcels",
        2.5,
        "parcels: received 2.5 (row 1), allowed: a whole number of at most 64 bits or null",
    ),
    ("parcels", 2**63, f"parcels: received {2**63} (row 1), allowed: a whole number"),
    ("parcels", "2", "parcels: received '2' (row 1)"),
    ("parcels", False, "parcels: received False (row 1)"),
    ("city", 7, "city: received 7 (row 1), allowed: text or null"),
    ("express", 1, "express: received 1 (row 1), allowed: true or false or null"),
    ("note", ["x"], "note: received ['x'] (row 1), allowed: text or null"),
    (
        "picked_up_at",
        "yesterday",
        "picked_up_at: received 'yesterday' (row 1), allowed: an ISO 8601 time",
    ),
    (
        "picked_up_at",
        1767225600,
        "picked_up_at: received 1767225600 (row 1), allowed: an ISO 8601 time",
    ),
    ("picked_up_at", None, "picked_up_at: received null (row 1), allowed: an ISO 8601 time"),
]


@pytest.mark.parametrize(("body", "status", "field", "message"), MALFORMED)
def test_a_malformed_body_is_told_what_is_wrong(
    http: httpx.Client, body: Any, status: int, field: Any, message: str
) -> None:
    """A body of another shape gets a 4xx; its message names the field and the allowed form."""
    reply = http.post(URL, json=body)
    assert (reply.status_code, reply.json()["field"]) == (status, field)
    assert message in reply.json()["error"]


@pytest.mark.parametrize(("column", "value", "message"), WRONG_VALUES)
def test_a_wrong_value_is_named_with_its_column_and_row(
    http: httpx.Client, column: str, value: Any, message: str
) -> None:
    """A value of another type than declared gets a 400 with column, row, value and the allowed
    type.
    """
    reply = http.post(URL, json={"instances": [ROW, ROW | {column: value}, ROW]})
    assert reply.status_code == 400
    assert reply.json()["error"].startswith(message)
    assert (reply.json()["field"], reply.json()["row"]) == (column, 1)


def test_every_input_but_the_event_time_may_be_null(http: httpx.Client) -> None:
    """A row with a time alone still gets a prediction; so does a whole number written as 3.0."""
    nothing = dict.fromkeys(ROW) | {"picked_up_at": ROW["picked_up_at"]}
    reply = http.post(
        URL, json={"instances": [nothing, ROW | {"parcels": 3.0}, ROW | {"parcels": 3}]}
    )
    assert reply.status_code == 200
    first, second, third = reply.json()["predictions"]
    assert isinstance(first, float)
    assert second == third


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"inputs": Nan}', b"[" * 5000])
def test_a_body_that_is_no_json_is_a_400(http: httpx.Client, content: bytes) -> None:
    """Text other than JSON is refused as such."""
    reply = http.post(URL, content=content, headers={"content-type": "application/json"})
    assert reply.status_code == 400
    assert "not valid JSON" in reply.json()["error"]


# ROW stands for the row's keys and values.
DOUBLED: list[tuple[str, str]] = [
    ('{"inputs": [{ROW}], "inputs": [{ROW}]}', "inputs"),
    ('{"inputs": [{ROW, "city": "Rome"}]}', "city"),
    ('{"inputs": [{"city" : "Rome", ROW}]}', "city"),
    ('{"inputs": [{"\\u0063ity": "Rome", ROW}]}', "city"),
    ('{"inputs": [{ROW, "ignored": [{"a": 1, "a": 1}]}]}', "a"),
    ('{"dataframe_split": {"columns": [], "columns": [], "data": []}}', "columns"),
]


def post_text(http: httpx.Client, content: str) -> httpx.Response:
    """Send a body as it is written, with the row in the place of ROW."""
    text = content.replace("ROW", json.dumps(ROW)[1:-1])
    return http.post(URL, content=text, headers={"content-type": "application/json"})


@pytest.mark.parametrize(("content", "field"), DOUBLED)
def test_a_key_that_is_twice_in_one_object_is_refused(
    http: httpx.Client, content: str, field: str
) -> None:
    """One of its values would be lost: a 400 names the key, wherever and however it is written."""
    reply = post_text(http, content)
    assert (reply.status_code, reply.json()["field"]) == (400, field)
    assert "2 times in one object" in reply.json()["error"]


@pytest.mark.parametrize("more", ['"note2": "a\\":b"', '"x" : ":"', '"x": {"city": {"city": 1}}'])
def test_colons_in_texts_and_deeper_keys_are_no_doubled_keys(http: httpx.Client, more: str) -> None:
    """A key may be in several objects, and any text in a value."""
    reply = post_text(http, '{"inputs": [{ROW, MORE}, {ROW}]}'.replace("MORE", more))
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("parameters", [[], False, 0, "", {"a": 1}])
def test_params_are_none_or_empty(http: httpx.Client, parameters: Any) -> None:
    """These models take no parameters: whatever is no empty object is refused."""
    assert http.post(URL, json={"inputs": [ROW], "params": parameters}).status_code == 400
    assert http.post(URL, json={"inputs": [ROW], "params": None}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_scoring_path_is_asked_by_post_alone(http: httpx.Client, method: str) -> None:
    """Any other method is a 405 that names POST."""
    for path in (URL, "/models/eta/versions/1/invocations"):
        reply = http.request(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        assert reply.json()["allowed"] == "POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/csv"},
        {},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_other_content_types_are_a_415(http: httpx.Client, headers: dict[str, str]) -> None:
    """Only plain JSON in UTF-8 is taken."""
    reply = http.post(URL, content=json.dumps({"inputs": [ROW]}).encode(), headers=headers)
    assert reply.status_code == 415
    allowed = http.post(
        URL,
        content=json.dumps({"inputs": [ROW]}).encode(),
        headers={"content-type": "application/json; charset=UTF-8"},
    )
    assert allowed.status_code == 200


def test_too_many_rows_or_bytes_are_a_413(registry: FolderRegistry) -> None:
    """Beyond its limits the server refuses, and names the limits; at them it answers."""
    with serving(
        lambda: registry, registry.record.following(), limits=Limits(max_rows=3, max_bytes=2000)
    ) as running:
        at = {"instances": [ROW] * 3}
        assert httpx.post(running.url + URL, json=at).status_code == 200
        rows = httpx.post(running.url + URL, json={"instances": [ROW] * 4})
        assert rows.status_code == 413
        assert "allowed: 1 to 3 rows" in rows.json()["error"]
        size = httpx.post(running.url + URL, json={"instances": [ROW | {"note": "x" * 3000}]})
        assert (size.status_code, size.json()["allowed"]) == (413, "at most 2000 bytes")
        pieces = (b" " * 500 for _ in range(10))
        chunked = httpx.post(
            running.url + URL, content=pieces, headers={"content-type": "application/json"}
        )
        assert chunked.status_code == 413


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
# Values that are right often enough to get past the checks, and wrong or extreme otherwise.
cells = {
    "picked_up_at": st.datetimes().map(str)
    | st.text("0123456789-:TZ+. ", max_size=25)
    | json_values,
    "distance_km": st.floats(allow_nan=False) | st.integers(-(2**70), 2**70) | json_values,
    "parcels": st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | json_values,
    "city": st.text(max_size=8) | json_values,
    "express": st.booleans() | json_values,
    "note": st.text(max_size=8) | json_values,
}
near_rows = st.lists(
    st.fixed_dictionaries({}, optional=cells).map(lambda part: ROW | part) | json_values, max_size=7
)
near_split = st.fixed_dictionaries(
    {
        "columns": st.just(NAMES) | json_values,
        "data": st.lists(st.tuples(*cells.values()).map(list) | json_values),
    }
)
near_columns = st.fixed_dictionaries(
    {name: st.lists(values) | json_values for name, values in cells.items()}
)
bodies = (
    st.dictionaries(
        st.sampled_from(["dataframe_split", "dataframe_records", "inputs", "instances"])
        | st.text(max_size=5),
        json_values | near_rows | near_split | near_columns,
        min_size=1,
        max_size=2,
    )
    | json_values
)


@given(body=bodies)
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_json_body_gives_a_5xx(http: httpx.Client, body: Any) -> None:
    """Whatever JSON comes, the answer is predictions or a 4xx with a message."""
    reply = http.post(
        URL, content=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    assert reply.status_code in (200, 400)
    assert reply.json()["predictions"] if reply.status_code == 200 else reply.json()["error"]
