"""A Docker engine over HTTP: it runs nothing, gives prepared answers, and keeps the requests.

``make docker-test`` uses the real one.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlparse


@dataclass
class Engine:
    """Behaviour of the one container, and the requests about it."""

    log: list[str] = field(default_factory=list)
    exit_code: int = 0
    result: object = None
    leftovers: list[str] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    on_create: Callable[[], None] = lambda: None
    url: str = ""
    started: Event = field(default_factory=Event)


@contextmanager
def running_engine(engine: Engine) -> Iterator[Engine]:
    """Serve the engine on a free port of the loopback interface; its address is in ``url``."""

    class Handler(_Handler):
        docker = engine

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    engine.url = f"tcp://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    docker: Engine
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        if path.endswith("/archive"):
            self._send_archive()
        elif path.endswith("/containers/json"):
            self._send([{"Id": name} for name in self.docker.leftovers])
        elif path.endswith("/images/json"):
            self._send([{"Id": "image"}])
        elif path.endswith("/version"):
            self._send({"ApiVersion": "1.44", "MinAPIVersion": "1.24"})
        elif path.endswith("/_ping"):
            self._send_bytes(b"OK")
        else:
            self._send({"Config": {"Tty": False}, "State": self.docker.state})

    def do_POST(self) -> None:
        path = urlparse(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.endswith("/create"):
            self.docker.created = json.loads(body)
            self.docker.on_create()
            self._send({"Id": "container", "Warnings": []}, 201)
        elif path.endswith("/attach"):
            self._send_log()
        elif path.endswith("/wait"):
            self._send({"StatusCode": self.docker.exit_code, "Error": None})
        else:
            self.docker.started.set()
            self._send({}, 200)

    def do_DELETE(self) -> None:
        self.docker.removed.append(urlparse(self.path).path.rsplit("/", 1)[-1])
        self._send({}, 200)

    def _send(self, content: object, status: int = 200) -> None:
        self._send_bytes(json.dumps(content).encode(), status)

    def _send_bytes(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_log(self) -> None:
        """Send the log as frames of standard error, once the container was started."""
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.end_headers()
        self.docker.started.wait(30)
        for line in self.docker.log:
            text = f"{line}\n".encode()
            self.wfile.write(struct.pack(">BxxxL", 2, len(text)) + text)
        self.close_connection = True

    def _send_archive(self) -> None:
        if self.docker.result is None:
            self._send({"message": "no such file"}, 404)
            return
        content, name = json.dumps(self.docker.result).encode(), "result.json"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        stat = base64.b64encode(json.dumps({"name": name, "size": len(content)}).encode()).decode()
        self.send_response(200)
        self.send_header("X-Docker-Container-Path-Stat", stat)
        self.send_header("Content-Length", str(len(packed.getvalue())))
        self.end_headers()
        self.wfile.write(packed.getvalue())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing on standard error."""
