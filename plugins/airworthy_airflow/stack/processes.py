"""Which processes belong to a stack, and ending them: also those that a crash left behind.

A process belongs to a stack when its environment carries the stack's marker, when it is in the session that the
stack's supervisord leads (tasks overwrite their environment with their title), or when its parent belongs.
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
    """The supervisord of a stack; pid and start time together tell it from a later process with its pid."""

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and not _is_zombie(process)
        except psutil.NoSuchProcess:
            return False


def write_record(layout: Layout, pid: int) -> None:
    """Remember the supervisord that was just started."""
    write_private(
        layout.record, json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()})
    )


def read_record(layout: Layout) -> Supervisor | None:
    """Return the supervisord that was started last, running or not; None when it was taken down."""
    try:
        return Supervisor(**json.loads(layout.record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def members(layout: Layout) -> list[psutil.Process]:
    """Return every living process of the stack but this one and those that it descends from."""
    supervisor = read_record(layout)
    session = supervisor.pid if supervisor is not None and not _reused(supervisor) else None
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in mine and _belongs(process, str(layout.state), session):
            found[process.pid] = process
            found.update(
                (child.pid, child) for child in _children(process) if child.pid not in mine
            )
    return [process for process in found.values() if _living(process)]


def orphans(layout: Layout) -> list[psutil.Process]:
    """Return the stack's processes whose parent is gone, and what descends from them: a dead part's workers."""
    belonging = {process.pid: process for process in members(layout)}
    supervisor = read_record(layout)
    roots = {supervisor.pid} if supervisor is not None else set()
    known = {*belonging, *roots, os.getpid()}
    found: dict[int, psutil.Process] = {}
    for process in belonging.values():
        if process.pid not in roots and _parent(process) not in known:
            found[process.pid] = process
            found.update((child.pid, child) for child in _children(process))
    return list(found.values())


def stop_supervisord(supervisor: Supervisor, patience: float) -> None:
    """Let a supervisord and its parts finish in their own time; what is then left is for `end`.

    Supervisord stops its parts one after another. Once it is told to stop it restarts none, so all are told at once.
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
    """End processes, first politely, then by force; return the pids of those that were ended."""
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
    """Whether another process now has the pid of a supervisord that is gone: then its session is not the stack's."""
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
