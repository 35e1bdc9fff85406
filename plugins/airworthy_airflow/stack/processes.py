"""Finds and ends the processes of a stack, also after a crash.

A process belongs to a stack in three cases: its environment has the stack's marker; it is in the
session of the stack's supervisord (tasks overwrite their environment with their title); its parent
belongs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from airworthy_airflow.stack.layout import Layout
from airworthy_airflow.stack.secret_keys import write_private
from airworthy_airflow.stack.settings import MARKER


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of a stack. Its start time tells it from a later process with the same pid."""

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """True while it runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and not _is_zombie(process)
        except psutil.NoSuchProcess:
            return False


def write_record(layout: Layout, pid: int) -> None:
    """Record the supervisord after its start."""
    write_private(
        layout.record, json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()})
    )


def read_record(layout: Layout) -> Supervisor | None:
    """Return the supervisord of the last start, running or not. None: it was taken down."""
    try:
        return Supervisor(**json.loads(layout.record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def members(layout: Layout) -> list[psutil.Process]:
    """Return every living process of the stack but this one and its ancestors."""
    supervisor = read_record(layout)
    session = supervisor.pid if supervisor is not None and not _reused(supervisor) else None
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    belonging: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in mine and _belongs(process, str(layout.state), session):
            belonging[process.pid] = process
            belonging.update(
                (child.pid, child) for child in _children(process) if child.pid not in mine
            )
    return [process for process in belonging.values() if _living(process)]


def orphans(layout: Layout) -> list[psutil.Process]:
    """Return the stack's processes without a living parent, and their descendants: a dead part's workers."""
    belonging = {process.pid: process for process in members(layout)}
    supervisor = read_record(layout)
    roots = {supervisor.pid} if supervisor is not None else set()
    parents = {*belonging, *roots, os.getpid()}
    orphaned: dict[int, psutil.Process] = {}
    for process in belonging.values():
        if process.pid not in roots and _parent(process) not in parents:
            orphaned[process.pid] = process
            orphaned.update((child.pid, child) for child in _children(process))
    return list(orphaned.values())


def stop_supervisord(supervisor: Supervisor, patience: float) -> None:
    """Let a supervisord and its parts finish in their own time. `end` ends the rest.

    Supervisord stops its parts one after another. It restarts none once it stops, so all are
    signalled at once.
    """
    try:
        leader = psutil.Process(supervisor.pid)
        parts = leader.children()
    except psutil.Error:
        return
    for process in (leader, *parts):
        _send(process.terminate)
    psutil.wait_procs([leader], timeout=patience)


def end(processes: list[psutil.Process], patience: float = 10.0) -> list[int]:
    """End processes by SIGTERM, then by SIGKILL. Return the pids of the ended ones."""
    for process in processes:
        _send(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=patience)
    for process in stubborn:
        _send(process.kill)
    psutil.wait_procs(stubborn, timeout=patience)
    return [process.pid for process in processes]


def _belongs(process: psutil.Process, state: str, session: int | None) -> bool:
    try:
        if session is not None and os.getsid(process.pid) == session:
            return True
        return bool(process.environ().get(MARKER) == state)
    except (psutil.Error, OSError):
        return False


def _reused(supervisor: Supervisor) -> bool:
    """Return whether another process has the pid of a dead supervisord: its session is not the stack's."""
    return (
        psutil.pid_exists(supervisor.pid)
        and not supervisor.alive
        and not _zombie_or_gone(supervisor.pid)
    )


def _zombie_or_gone(pid: int) -> bool:
    try:
        return _is_zombie(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def _is_zombie(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_ZOMBIE)


def _living(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and not _is_zombie(process)
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.Error:
        return None


def _send(signal: Callable[[], object]) -> None:
    try:
        signal()
    except psutil.Error:
        return
