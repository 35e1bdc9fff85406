"""Requests made by a generator, from valid to absurd, and what a server may answer to each.

    python -m tests.security.generated_requests [REQUESTS [SEED]]

starts a model server with a spool, sends 30,000 requests over all routes, and prints the figures.
Each answer must be no 5xx and come in time. A 2xx is right only if `is_valid` finds the request
valid: it reads the bytes anew, strictly, and asks the server's OpenAPI document.
"""

# ruff: noqa: SIM905 - the texts are shorter than lists of them
from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

PATIENCE_SECONDS = 60.0
TOKEN = "token"
ROW: dict[str, Any] = {
    "picked_up_at": "2026-01-31T08:30:00Z",
    "distance_km": 3.2,
    "parcels": 2,
    "city": "Oslo",
    "express": True,
    "note": "ring twice",
}
_GETS = (
    "/health /healthz /health/live /ready /readyz /health/ready /metrics /models /models/eta "
    "/models/eta/example /models/eta/rollout /models/nobody /models/nobody/rollout /docs /redoc "
    "/openapi.json / /models/ /models/eta/labels /models/%00 /models/%ff /models/..%2f..%2fetc "
    "/models/\u0661 /models/eta/versions/1 /metrics/ /docs/oauth2-redirect /models/eta/example?x=%00"
).split()
_MODELS = f"eta nobody %00 %0a . .. _servers %2e%2e {'m' * 300} m%20m \u00e9t\u00e4 eta%00 ETA %f0%9f%98%80 -".split()
_VERSIONS = (
    "1 \u0661 01 +1 -1 1.0 0x1 %31 1%00 9 999999999999999999999999 one \u00b9 %d9%a1".split()
)
_VALUES = (
    "1e400 -1e400 1e39 NaN -Infinity Infinity nan 01 +1 .5 1. 0x10 1_0 \u0661 true null [] {} "
    '"" "NaN" "\\ud800" "\\udc00\\ud800" "\\u0000" "\u0661" 18446744073709551616 -9223372036854775809 '
    '9223372036854775807 1e18 2.5 -0 -0.0 1E2 "2026-13-01" "0001-01-01T00:00:00+23:59" '
    '"9999-12-31T23:59:59-23:59" "2026-01-31T08:30:00Z" "Oslo" "Paris" 3 [1] {"a":1} "\ufeff"'
).split()
_TYPES = (
    "application/json application/json;charset=utf-8 application/JSON text/plain application/xml "
    "application/json;charset=utf-16 multipart/form-data application/jsonx \xff"
).split()
_METHODS = "GET HEAD PUT DELETE PATCH OPTIONS TRACE POST".split()
_CUT_SHORT = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00\x00\x00\r\n\r\n",
    b"POST /models/eta/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    b"POST /models/eta/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1_0\r\n\r\n",
    b"POST /models/eta/labels HTTP/1.1\r\nhost: localhost\r\ncontent-length: \xd9\xa1\r\n\r\n",
    b"POST /models/eta/labels HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9"
    + b"9" * 30
    + b"\r\n\r\n",
    b"POST /models/eta/labels HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n12345",
    b"POST /models/eta/labels HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET /models HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET /models HTTP/1.1\r\n\r\n",
    b"GET http://elsewhere/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /models HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n",
)


@dataclass(frozen=True)
class Request:
    """One request, and whether it may be answered with a 2xx."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    may_succeed: bool = True

    @property
    def raw(self) -> bytes:
        """The request as bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1".encode(), b"host: localhost"]
        lines += [
            f"{name}: {value}".encode("utf-8", "surrogateescape") for name, value in self.headers
        ]
        if self.body or self.method == "POST":
            lines.append(b"content-length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


class Generator:
    """Makes requests, the same ones for the same seed."""

    def __init__(self, seed: int, document: dict[str, Any]) -> None:
        """Keep the schemas of the document's bodies."""
        self._random = random.Random(seed)
        schemas = {
            path: operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            for path, operations in document["paths"].items()
            if "post" in operations
        }
        parts = {"components": document["components"]}
        eta = "/models/eta/invocations"
        self._scoring = Draft202012Validator(schemas[eta] | parts)
        self._labels = Draft202012Validator(schemas["/models/{model}/labels"] | parts)

    def request(self) -> Request:
        """Return the next request."""
        make = self._random.choices(
            [
                self._scored,
                self._scored_by_version,
                self._labelled,
                self._asked,
                self._sent_elsewhere,
            ],
            [5, 2, 3, 2, 1],
        )[0]
        return make()

    def _scored(self) -> Request:
        body = self._damaged(self._scoring_body())
        kind, is_json = self._content_type()
        headers = [("content-type", kind), *self._odd_headers()]
        return Request(
            "POST", "/models/eta/invocations", headers, body, is_json and self._is_scorable(body)
        )

    def _scored_by_version(self) -> Request:
        version, token = self._random.choice(_VERSIONS), self._random.choice([TOKEN, "wrong", ""])
        headers = [("content-type", "application/json"), ("authorization", f"Bearer {token}")]
        body = self._damaged(self._scoring_body())
        may_succeed = version in ("1", "%31") and token == TOKEN and strict(body) is not None
        return Request(
            "POST", f"/models/eta/versions/{version}/invocations", headers, body, may_succeed
        )

    def _labelled(self) -> Request:
        is_meant = self._random.random() < 0.4
        ids = [
            "a",
            "a:0",
            "a:\u0661",
            "a:-1",
            "a:" + "9" * 60,
            "",
            ":",
            "a:b:c",
            "x" * 101,
            "\ud800",
        ]
        values = ["2.5", "-0", "7", "9223372036854775807"] if is_meant else _VALUES
        labels = [self._random.choice(values) for _ in range(self._random.randrange(1, 4))]
        ids = ids[:2] if is_meant else ids
        items = [
            f'{{"id": {json.dumps(self._random.choice(ids))}, "label": {label}}}'
            for label in labels
        ]
        body = self._damaged(f'{{"labels": [{", ".join(items)}]}}'.encode())
        kind, is_json = self._content_type()
        may_succeed = is_json and self._is_label_body(body)
        return Request("POST", "/models/eta/labels", [("content-type", kind)], body, may_succeed)

    def _asked(self) -> Request:
        method = self._random.choice(_METHODS)
        posted = [
            "/models/eta/invocations",
            "/models/eta/labels",
            "/models/eta/versions/1/invocations",
        ]
        path = self._random.choice([*_GETS, *posted])
        body = b"x" * self._random.choice([0, 0, 9]) if method != "POST" else b"x"
        may_succeed = method in ("GET", "HEAD") and path not in posted
        return Request(method, path, self._odd_headers(), body, may_succeed)

    def _sent_elsewhere(self) -> Request:
        """Return a request about another model, most of which cannot be."""
        model = self._random.choice(_MODELS[1:])
        part = self._random.choice(["", "/rollout", "/example", "/labels", "/invocations"])
        body = self._scoring_body() if part in ("/labels", "/invocations") else b""
        headers = [("content-type", "application/json")]
        return Request("POST" if body else "GET", f"/models/{model}{part}", headers, body, False)

    def _content_type(self) -> tuple[str, bool]:
        kind = self._random.choice([*["application/json"] * 20, *_TYPES])
        return kind, kind.lower() in ("application/json", "application/json;charset=utf-8")

    def _odd_headers(self) -> list[tuple[str, str]]:
        odd = [
            ("x-targeting-key", "k" * self._random.randrange(2000)),
            ("x-targeting-key", "\u00fcn\u00efc\u00f6de \u2602"),
            ("authorization", "Bearer \u0661"),
            ("authorization", "Basic Og=="),
            ("accept", "*/*;q=nan"),
            ("accept-encoding", "\udcff\udcfe"),
            ("x-forwarded-for", "::1, 127.0.0.1\t"),
            ("cookie", "a" * 3000),
            ("range", "bytes=9-1"),
            ("if-none-match", '"'),
            ("expect", "200-ok"),
        ]
        return (
            self._random.sample(odd, self._random.randrange(3))
            if self._random.random() < 0.4
            else []
        )

    def _scoring_body(self) -> bytes:
        """Return a body in one of the forms, at times with a strange value or name."""
        rows = [dict(ROW) for _ in range(self._random.randrange(1, 4))]
        form = self._random.choice(["dataframe_split", "dataframe_records", "inputs", "instances"])
        content: Any = rows
        if form == "dataframe_split":
            content = {"columns": list(ROW), "data": [list(row.values()) for row in rows]}
        elif form != "dataframe_records" and self._random.random() < 0.5:
            content = {name: [row[name] for row in rows] for name in ROW}
        text = json.dumps({form: content}, ensure_ascii=self._random.random() < 0.5)
        if self._random.random() < 0.6:
            name = self._random.choice([*ROW, form])
            old = json.dumps(ROW.get(name, name))
            text = text.replace(old, self._random.choice(_VALUES), 1)
        return text.encode("utf-8", "surrogatepass")

    def _damaged(self, body: bytes) -> bytes:
        """Return a body, damaged in one of many ways as often as not."""
        pick, length = self._random.random(), len(body)
        cut = self._random.randrange(length)
        ways: list[Callable[[], bytes]] = [
            lambda: body[:cut],
            lambda: body[:cut] + bytes([self._random.randrange(256)]) + body[cut + 1 :],
            lambda: body[:cut] + body[cut:].replace(b'": ', b'": 1, "a": ', 1),
            lambda: body[:-1] + b", " + body[1:],
            lambda: b"\xef\xbb\xbf" + body,
            lambda: body.decode("utf-8", "replace").encode("utf-16"),
            lambda: body + body,
            lambda: b"[" * self._random.choice([10, 1_000, 100_000]) + body,
            lambda: b'{"inputs":' * self._random.choice([10, 5_000]) + body,
            lambda: self._random.choice(_VALUES).encode(),
            lambda: body.replace(b"2", b"2" * self._random.choice([20, 400, 5_000]), 1),
            lambda: b"",
            lambda: body.replace(b": ", b" \t\n: "),
            lambda: body.replace(b'"data"', b'"data": [], "data"').replace(
                b'"city"', b'"c\\u0069ty"', 1
            ),
        ]
        return self._random.choice(ways)() if pick < 0.5 else body

    def _is_scorable(self, body: bytes) -> bool:
        content = strict(body)
        return content is not None and self._scoring.is_valid(content) and _is_even(content)

    def _is_label_body(self, body: bytes) -> bool:
        content = strict(body)
        if content is None or not self._labels.is_valid(content):
            return False
        return all(_is_number(labelled["label"]) for labelled in content["labels"])


def strict(body: bytes) -> Any:
    """Return the value of plain JSON in UTF-8; None for anything else. NaN is null, as in MLflow."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError(pairs)
        return dict(pairs)

    def word(name: str) -> Any:
        return None if name == "NaN" else {"not": name}

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=unique, parse_constant=word)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _is_even(content: dict[str, Any]) -> bool:
    """Tell whether the columns have one length, which JSON Schema cannot say."""
    form = next(value for key, value in content.items() if key != "params")
    if not isinstance(form, dict) or "data" in form:
        return True
    return len({len(values) for values in form.values()}) == 1


def _is_number(label: Any) -> bool:
    if type(label) is int:
        return -(2**63) <= label < 2**63
    return type(label) is float and abs(label) < 1e300


@dataclass
class Figures:
    """What came of the requests.

    Attributes:
        statuses: The number of answers by status; 0: the connection was closed without one.
        faults: Requests with a wrong answer, in words.
        slowest: The slowest answer, in seconds.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


class Connection:
    """A connection that is opened anew when the server closes it."""

    def __init__(self, port: int) -> None:
        """Keep the port."""
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, raw: bytes) -> int:
        """Return an answer's status; 0: the server closed the connection without one.

        Raises:
            TimeoutError: when no answer came.
        """
        reused = self._socket is not None
        try:
            status = self._exchange(raw)
        except (ConnectionError, BrokenPipeError):
            self.close()
            status = 0
        # An idle connection may end between two requests.
        return self._exchange(raw) if status == 0 and reused else status

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _exchange(self, raw: bytes) -> int:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
        self._socket.sendall(raw)
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = self._socket.recv(65536)
            if not chunk:
                self.close()
                return 0
            answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if raw.startswith(b"HEAD ") or b"transfer-encoding: chunked" in lines:
            self.close()
        while self._socket is not None and len(body) < length:
            body += self._socket.recv(65536)
        if b"connection: close" in lines:
            self.close()
        return int(lines[0].split()[1])


def send(port: int, document: dict[str, Any], count: int, seed: int = 0) -> Figures:
    """Send requests one after the other; return the figures.

    Args:
        port: The server's port on this machine.
        document: The server's OpenAPI document.
        count: The number of generated requests; those cut short are sent besides.
        seed: Of the generator.
    """
    figures, generator, connection = Figures(), Generator(seed, document), Connection(port)
    requests = [generator.request() for _ in range(count)]
    for request in requests:
        _ask(figures, connection, request.raw, request.may_succeed)
    for raw in _CUT_SHORT:
        connection.close()
        _ask(figures, connection, raw, may_succeed=True)
    connection.close()
    return figures


def _ask(figures: Figures, connection: Connection, raw: bytes, may_succeed: bool) -> None:
    started = time.perf_counter()
    try:
        status = connection.ask(raw)
    except TimeoutError:
        connection.close()
        figures.faults.append(f"no answer: {raw[:300]!r}")
        return
    figures.slowest = max(figures.slowest, time.perf_counter() - started)
    figures.statuses[status] += 1
    if status >= 500 or (200 <= status < 300 and not may_succeed):
        figures.faults.append(f"{status}: {raw[:600]!r}")


def main() -> int:
    """Start a server, send the requests, and print the figures."""
    import tempfile
    from pathlib import Path

    from .attacked_server import attacked_server

    given = dict(enumerate(map(int, sys.argv[1:])))
    count, seed = given.get(0, 30_000), given.get(1, 0)
    with tempfile.TemporaryDirectory() as folder, attacked_server(Path(folder)) as server:
        send(server.port, server.document(), 2_000, seed=seed + 1)
        before = server.memory_mib()
        figures = send(server.port, server.document(), count, seed)
        grown = server.memory_mib() - before
    print(f"requests: {sum(figures.statuses.values())}, by status: {dict(figures.statuses)}")
    print(
        f"faults: {len(figures.faults)}, slowest: {figures.slowest:.3f} s, memory: {grown:+.1f} MiB"
    )
    print("\n".join(figures.faults[:40]))
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
