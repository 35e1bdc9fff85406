"""The program that listens on a port of this machine, for people."""

from __future__ import annotations

from collections.abc import Collection

import psutil


def owners_of(ports: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return the process id and the command of the program that listens on each port.

    A port is missing when nobody listens on it, or when only its own user may see who does.
    """
    owners: dict[int, tuple[int, str]] = {}
    try:
        for each in psutil.net_connections(kind="tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr.port in ports and each.pid:
                owners.setdefault(each.laddr.port, (each.pid, _command(each.pid)))
    except psutil.Error:
        return owners
    return owners


def owner_in_words(port: int) -> str:
    """Return the program that listens on a port in words."""
    owner = owners_of([port]).get(port)
    return "a program of another user" if owner is None else f"{owner[1]} (process {owner[0]})"


def _command(pid: int) -> str:
    process = psutil.Process(pid)
    words = process.cmdline()[:3] or [process.name()]
    return " ".join(words)[:80]
