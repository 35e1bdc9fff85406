"""The health of the stack's parts."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import httpx

from airworthy.serving.port_owner import owners_of
from airworthy_airflow.stack.layout import HOST, PORT_VARIABLES, Layout
from airworthy_airflow.stack.processes import members
from airworthy_airflow.stack.supervision import part_states

AIRFLOW_PARTS = {
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
_PART_OF_PORT = {"airflow": "api-server"}


def health(layout: Layout) -> dict[str, str]:
    """Return ``healthy`` or the problem, for every part."""
    found = {
        "api-server": "does not answer",
        **dict.fromkeys(AIRFLOW_PARTS, "waits for the API server"),
    }
    answer = _get(f"{layout.url('airflow')}/api/v2/monitor/health")
    if answer is not None and answer.status_code == 200:
        found["api-server"] = "healthy"
        found.update((part, _said(answer.json(), key)) for part, key in AIRFLOW_PARTS.items())
    found["mlflow"] = _answers(f"{layout.url('mlflow')}/health")
    found["server"] = _answers(f"{layout.url('server')}/health/ready")
    found["metrics"] = _answers(f"{layout.url('metrics')}/metrics")
    found.update(foreign_parts(layout))
    state = part_states(layout).get("collector", "has not started")
    found["collector"] = "healthy" if state == "RUNNING" else state
    return found


def foreign_parts(layout: Layout) -> dict[str, str]:
    """Return the parts on whose ports a program listens that is none of the stack.

    Such a program may well answer ``/health`` with 200.
    """
    owners = owners_of(layout.ports.values())
    own = {process.pid for process in members(layout)} if owners else set()
    foreign = {port: owner for port, owner in owners.items() if owner[0] not in own}
    return {
        _PART_OF_PORT.get(part, part): f"port {port} is taken by {foreign[port][1]} (process "
        f"{foreign[port][0]}), see {PORT_VARIABLES[part][0]}"
        for part, port in layout.ports.items()
        if port in foreign
    }


def port_taken(port: int) -> bool:
    """Return whether something on this machine listens on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def _said(body: Mapping[str, Mapping[str, str | None] | None], key: str) -> str:
    part = body.get(key) or {}
    return part.get("status") or "has not started"


def _answers(url: str) -> str:
    answer = _get(url)
    if answer is None:
        return "does not answer"
    return "healthy" if answer.status_code == 200 else f"answers {answer.status_code}"


def _get(url: str) -> httpx.Response | None:
    try:
        # With the proxies of the variables, as tasks ask: what tasks cannot reach is not healthy.
        return httpx.get(url, timeout=5.0)
    except httpx.HTTPError:
        return None
