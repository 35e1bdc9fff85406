"""An API server of Kubernetes over HTTP: it runs nothing, answers as the real one, and keeps the requests.

A pod goes through prepared states: each look at it shows the next one, and the last one stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import yaml

_PODS = re.compile(
    r"^/api/v1/namespaces/(?P<namespace>[^/]+)/pods(?:/(?P<name>[^/]+))?(?P<log>/log)?$"
)
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Cluster:
    """Behaviour of the cluster, and what was asked of it.

    Attributes:
        states: The statuses that a pod shows, one a look.
        refusals: Answers to requests for a pod, in order; each an HTTP status and a message. After
            them, pods are created.
        on_create: Called with each pod before its creation is answered.
        on_look: Called before each look at a pod.
        events: Reasons and messages of warnings.
        log: The stage's log.
        loses_answers: Whether a creation is accepted, and never answered.
        pods: The pods that there are, by name.
        asked: Each resource and verb, as a Role names them.
    """

    states: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    on_create: Callable[[dict[str, Any]], None] = lambda _: None
    on_look: Callable[[], None] = lambda: None
    events: list[tuple[str, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    loses_answers: bool = False
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    url: str = ""

    def put(self, pod: dict[str, Any], **metadata: Any) -> str:
        """Let there be a pod, such as one that an earlier try has left; return its name."""
        content = {**pod, "metadata": {**pod["metadata"], **metadata}}
        self.pods[content["metadata"]["name"]] = content
        return str(content["metadata"]["name"])

    def look(self, name: str) -> dict[str, Any] | None:
        """Return a pod in its next state; None: there is none, or none any more."""
        if name not in self.pods:
            return None
        pod = self.pods[name]
        if self.states:
            pod["status"] = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if pod["status"].get("gone"):
            del self.pods[name]
            return None
        return pod


def container(state: dict[str, Any], name: str = "base") -> dict[str, Any]:
    """Return the status of a container."""
    common = {"name": name, "image": "airworthy:1", "imageID": "i", "restartCount": 0}
    return {**common, "ready": "running" in state, "state": state}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """Return the status of a pod whose stage has ended."""
    state = {"exitCode": code, "reason": reason, "message": message, "finishedAt": NOW}
    phase = "Succeeded" if code == 0 else "Failed"
    return {"phase": phase, "containerStatuses": [container({"terminated": state})]}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """Return the status of a pod whose container cannot start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "conditions": [PLACED], "containerStatuses": [container(state)]}


PLACED = {"type": "PodScheduled", "status": "True"}
RUNNING = {"phase": "Running", "containerStatuses": [container({"running": {"startedAt": NOW}})]}


@contextmanager
def running_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """Serve the cluster on a free port of the loopback interface; its address is in ``url``."""

    class Handler(_Handler):
        kubernetes = cluster

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cluster.url = f"http://127.0.0.1:{server.server_port}"
    # The end of a test waits for at most this time.
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()


def write_kubeconfig(path: Path, url: str) -> Path:
    """Write a client's configuration that leads to the cluster."""
    named = {"cluster": "c", "user": "u"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "cluster-token"}}],
        "contexts": [{"name": "x", "context": named}],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


class _Handler(BaseHTTPRequestHandler):
    kubernetes: Cluster
    protocol_version = "HTTP/1.1"

    def _note(self) -> None:
        """Keep what a Role has to allow for this request."""
        url = urlparse(self.path)
        found = _PODS.match(url.path)
        one = found is not None and found["name"] is not None
        looked = "watch" if "watch=" in url.query.lower() else "list"
        resource = "events" if found is None else f"pods{found['log'] or ''}"
        verbs = {"GET": "get" if one else looked, "POST": "create", "DELETE": "delete"}
        self.kubernetes.asked.add((resource, verbs.get(self.command, self.command)))

    def do_GET(self) -> None:
        self._note()
        url = urlparse(self.path)
        found = _PODS.match(url.path)
        if found is None:
            self._send({"kind": "EventList", "metadata": {}, "items": self._events()})
        elif found["log"]:
            self._send_log("true" in parse_qs(url.query).get("timestamps", []))
        elif found["name"]:
            self._send_pod(found["name"])
        else:
            wanted = parse_qs(url.query).get("labelSelector", [""])[0]
            self._send({"kind": "PodList", "metadata": {}, "items": self._selected(wanted)})

    def do_POST(self) -> None:
        self._note()
        pod = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if self.kubernetes.refusals:
            self._refuse(*self.kubernetes.refusals.pop(0))
            return
        if pod["metadata"]["name"] in self.kubernetes.pods:
            self._refuse(409, "pods already exists")
            return
        self.kubernetes.created.append(pod)
        pod["status"] = {"phase": "Pending"}
        self.kubernetes.put(pod)
        self.kubernetes.on_create(pod)
        if self.kubernetes.loses_answers:
            self.close_connection = True
            return
        self._send(pod, 201)

    def do_DELETE(self) -> None:
        self._note()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = urlparse(self.path).path.rsplit("/", 1)[-1]
        if self.kubernetes.pods.pop(name, None) is None:
            self._refuse(404, f'pods "{name}" not found')
            return
        self.kubernetes.deleted.append(name)
        self._send({"kind": "Status", "status": "Success"})

    def _send_pod(self, name: str) -> None:
        self.kubernetes.on_look()
        pod = self.kubernetes.look(name)
        if pod is None:
            self._refuse(404, f'pods "{name}" not found')
        else:
            self._send(pod)

    def _selected(self, selector: str) -> list[dict[str, Any]]:
        wanted = {tuple(each.split("=", 1)) for each in selector.split(",") if "=" in each}
        pods = self.kubernetes.pods.values()
        return [pod for pod in pods if wanted <= set(pod["metadata"].get("labels", {}).items())]

    def _events(self) -> list[dict[str, Any]]:
        common = {"type": "Warning", "involvedObject": {}, "apiVersion": "v1", "kind": "Event"}
        return [
            {
                **common,
                "reason": reason,
                "message": message,
                "metadata": {"uid": message, "name": "e"},
            }
            for reason, message in self.kubernetes.events
        ]

    def _refuse(self, status: int, message: str) -> None:
        content = {"kind": "Status", "status": "Failure", "message": message, "code": status}
        self._send({**content, "reason": "Refused"}, status)

    def _send_log(self, with_times: bool) -> None:
        stamp = f"{NOW} " if with_times else ""
        body = "".join(f"{stamp}{line}\n" for line in self.kubernetes.log).encode()
        self._send_bytes(body, 200, "text/plain")

    def _send(self, content: object, status: int = 200) -> None:
        self._send_bytes(json.dumps(content).encode(), status, "application/json")

    def _send_bytes(self, body: bytes, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing on standard error."""
