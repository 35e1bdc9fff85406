"""A stand-in of Kubernetes' API server at the edge: it answers kubectl as a real one does.

It keeps what is applied. The controllers' part, status and pods, is put in by a test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

_RESOURCES = {
    "v1": {
        "namespaces": ("Namespace", False),
        "serviceaccounts": ("ServiceAccount", True),
        "configmaps": ("ConfigMap", True),
        "services": ("Service", True),
        "pods": ("Pod", True),
        "events": ("Event", True),
    },
    "apps/v1": {
        "deployments": ("Deployment", True),
        "statefulsets": ("StatefulSet", True),
        "replicasets": ("ReplicaSet", True),
    },
    "batch/v1": {"jobs": ("Job", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", True)},
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
}
_NAMES = {name for resources in _RESOURCES.values() for name in resources}


@dataclass
class Cluster:
    """The objects of the stand-in.

    Attributes:
        kubeconfig: The file that leads kubectl to it.
        objects: The objects by resource, namespace and name.
        requests: Method, path and query of each request.
        refusals: Answers, code and message, by the path that they refuse.
        log: The log of each container.
        warnings: The warning that a kind gets when it is applied.
    """

    kubeconfig: Path
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    log: str = ""
    warnings: dict[str, str] = field(default_factory=dict)

    def put(self, resource: str, value: dict[str, Any]) -> None:
        """Put an object in, or replace it."""
        names = value["metadata"]
        self.objects[resource, names.get("namespace", ""), names["name"]] = value

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        return [each for each in self.objects.values() if each["kind"] == kind]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run the stand-in on loopback until the block ends."""
    cluster = Cluster(folder / "kubeconfig")
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        cluster.kubeconfig.write_text(_kubeconfig(address), encoding="utf-8")
        try:
            yield cluster
        finally:
            server.shutdown()
            thread.join()


def _kubeconfig(address: str) -> str:
    text: str = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stand-in", "cluster": {"server": address}}],
            "users": [{"name": "test", "user": {"token": "a-test"}}],
            "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "test"}}],
            "current-context": "stand-in",
        }
    )
    return text


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer discovery, or a list, or one object."""
        path = urlsplit(self.path).path
        self._note()
        if self._refused(path):
            return
        if path == "/openapi/v2":
            # A protobuf document without a schema: its fields all have their defaults.
            self._send_bytes(200, b"", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            return
        answer = _discovery(path)
        if path.endswith("/log"):
            self._send_bytes(200, self.cluster.log.encode(), "text/plain")
            return
        if answer is None and _address(path)[0] in _NAMES:
            answer = self._objects(path)
        if answer is None:
            self._send(404, _status(404, "NotFound", f"{path} not found"))
            return
        self._send(200, answer)

    def do_PATCH(self) -> None:
        """Keep an applied object."""
        self._note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = urlsplit(self.path)
        if self._refused(parts.path):
            return
        if self.headers["Content-Type"] != "application/apply-patch+yaml":
            self._send(415, _status(415, "UnsupportedMediaType", "apply alone is known here"))
            return
        assert parse_qs(parts.query)["fieldManager"] == ["airworthy"]
        value = yaml.safe_load(body)
        resource, namespace, name = _address(parts.path)
        before = self.cluster.objects.get((resource, namespace, name), {})
        generation = before.get("metadata", {}).get("generation", 0) + 1
        value["metadata"] |= {"uid": f"uid-{resource}-{name}", "generation": generation}
        self.cluster.objects[resource, namespace, name] = {**before, **value}
        self._send(200 if before else 201, value, self.cluster.warnings.get(value["kind"]))

    def _note(self) -> None:
        self.cluster.requests.append(f"{self.command} {self.path}")

    def _refused(self, path: str) -> bool:
        for part, (code, message) in self.cluster.refusals.items():
            if part in path:
                reason = {401: "Unauthorized", 403: "Forbidden", 409: "Conflict"}.get(code, "Error")
                self._send(code, _status(code, reason, message))
                return True
        return False

    def _objects(self, path: str) -> dict[str, Any] | None:
        resource, namespace, name = _address(path)
        if name:
            return self.cluster.objects.get((resource, namespace, name))
        items = [
            each
            for (of, within, _), each in list(self.cluster.objects.items())
            if of == resource and within == namespace
        ]
        return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}

    def _send(self, code: int, value: dict[str, Any], warning: str | None = None) -> None:
        self._send_bytes(code, json.dumps(value).encode(), "application/json", warning)

    def _send_bytes(self, code: int, body: bytes, kind: str, warning: str | None = None) -> None:
        self.send_response(code)
        if warning is not None:
            self.send_header("Warning", f'299 - "{warning}"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _discovery(path: str) -> dict[str, Any] | None:
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [version for version in _RESOURCES if version != "v1"]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g) for g in groups]}
    if path == "/version":
        return {"major": "1", "minor": "32", "gitVersion": "v1.32.4"}
    if path == "/openapi/v3":
        paths = (_prefix(version)[1:] for version in _RESOURCES)
        return {"paths": {each: {"serverRelativeURL": f"/openapi/v3/{each}"} for each in paths}}
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3"))
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in _RESOURCES:
        return None
    resources = [
        {
            "name": name,
            "singularName": kind.lower(),
            "namespaced": namespaced,
            "kind": kind,
            "verbs": ["get", "list", "patch", "create", "update", "delete", "watch"],
        }
        for name, (kind, namespaced) in _RESOURCES[version].items()
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}


def _prefix(version: str) -> str:
    return "/api/v1" if version == "v1" else f"/apis/{version}"


def _openapi(prefix: str) -> dict[str, Any]:
    """Return the document by which kubectl sees that the server checks fields itself."""
    version = prefix.removeprefix("/apis/").removeprefix("/api/")
    group, _, short = version.rpartition("/")
    checked = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    paths = {
        f"{prefix}/{'namespaces/{namespace}/' if namespaced else ''}{name}/{{name}}": {
            "patch": {
                "parameters": checked,
                "responses": {},
                "x-kubernetes-group-version-kind": {"group": group, "version": short, "kind": kind},
            }
        }
        for name, (kind, namespaced) in _RESOURCES[version].items()
    }
    return {"openapi": "3.0.0", "info": {"title": "stand-in", "version": "v1"}, "paths": paths}


def _group(version: str) -> dict[str, Any]:
    name, _, short = version.partition("/")
    one = {"groupVersion": version, "version": short}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _address(path: str) -> tuple[str, str, str]:
    """Return resource, namespace and name of a path; empty: none."""
    words = path.strip("/").split("/")
    words = words[2:] if words[0] == "api" else words[3:]
    if not words:
        return "", "", ""
    namespace = ""
    if words[0] == "namespaces" and len(words) > 2:
        namespace, words = words[1], words[2:]
    return words[0], namespace, words[1] if len(words) > 1 else ""


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
