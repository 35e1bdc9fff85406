"""The health of the stack's parts."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import httpx

from airworthy_airflow.stack.layout import HOST, Layout
from airworthy_airflow.stack.supervision import part_states

AIRFLOW_PARTS = {
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}


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
    state = part_states(layout).get("collector", "has not started")
    found["collector"] = "healthy" if state == "RUNNING" else state
    return found


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
        return httpx.get(url, timeout=5.0, trust_env=False)
    except httpx.HTTPError:
        return None
