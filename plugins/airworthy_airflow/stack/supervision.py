"""Starts supervisord and asks it about the parts."""

from __future__ import annotations

import os
import subprocess
import sys
import xmlrpc.client
from contextlib import closing
from http.client import HTTPException
from typing import cast

from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.processes import write_record
from airworthy_airflow.stack.programs import supervisord_config
from airworthy_airflow.stack.secret_keys import write_private
from airworthy_airflow.stack.state_folder import UMASK


def start_supervisord(layout: Layout, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start supervisord as the leader of a new session and record it. Its parts stay in the session."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    config = layout.folder / "supervisord.conf"
    write_private(config, supervisord_config(layout))
    with (layout.logs / "supervisord.out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            umask=UMASK,
        )
    write_record(layout, process.pid)
    return process


def part_states(layout: Layout) -> dict[str, str]:
    """Return supervisord's state of each part (RUNNING, BACKOFF, FATAL, ...). Empty: it does not answer."""
    if not os.path.exists(layout.socket):  # noqa: PTH110 - a socket
        return {}
    from supervisor.xmlrpc import SupervisorTransport

    with closing(SupervisorTransport(None, None, serverurl=f"unix://{layout.socket}")) as transport:
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            states = cast("list[dict[str, object]]", proxy.supervisor.getAllProcessInfo())
        except (OSError, HTTPException, xmlrpc.client.Error):
            return {}
    return {str(state["name"]): str(state["statename"]) for state in states}


def log_tail(layout: Layout, part: str, lines: int = 40) -> str:
    """Return the last lines of a part's log.

    Args:
        layout: The stack.
        part: The part's name.
        lines: The number of lines.
    """
    path = layout.logs / f"{part}.log"
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
