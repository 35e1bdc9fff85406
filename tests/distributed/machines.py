"""Machines of a test: each has its own network, host name and folder, and nothing else of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

# A process may have several networks at once: that of a package, and that of a test.
_NUMBERS = count()
# Airflow's scheduler now and then loses the signal.
_PATIENCE_SECONDS = 10.0
# The folder is mounted in the machine's own mount namespace: no other process sees what is in it.
_JOIN = """
set -eu
hostname "$1"
mount -t tmpfs none "$2"
shift 2
exec "$@"
"""


@dataclass
class Processes:
    """Processes that a test started, each with a log file. All are ended with their children."""

    logs: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        name: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        user: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process in the background.

        Args:
            name: The name of its log.
            command: The command line.
            variables: Its whole environment.
            user: The user to run it as, else this one.
        """
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command],
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        self.started[name] = process
        return process

    def log(self, name: str) -> str:
        """Return the end of a process's log."""
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-5000:]

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End a process and its descendants; by SIGKILL when they do not end in time."""
        end_trees([self.started.pop(name)], number)

    def end_all(self) -> None:
        """End every process that was started and still runs."""
        end_trees(list(self.started.values()))
        self.started.clear()


def end_trees(
    processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals = signal.SIGTERM
) -> None:
    """Signal processes, then kill what is left of them and of their descendants."""
    trees = [member for process in processes for member in _tree(process.pid)]
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(number)
    _, alive = psutil.wait_procs(trees, timeout=_PATIENCE_SECONDS)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_PATIENCE_SECONDS)
    for process in processes:
        process.wait()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True)
class Machine:
    """One machine: a network namespace. Its host name is its address."""

    namespace: str
    address: str
    folder: Path

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command on this machine, with an empty folder."""
        own = ["unshare", "--uts", "--mount", "sh", "-c", _JOIN, "sh", self.address]
        return ["ip", "netns", "exec", self.namespace, *own, str(self.folder), *command]

    def processes(self) -> list[psutil.Process]:
        """Return every process on this machine."""
        done = subprocess.run(
            ["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=True
        )
        found = []
        for pid in done.stdout.split():
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(int(pid)))
        return found

    def burn(self) -> None:
        """Kill every process on this machine at once. Its folder is gone with them."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while found := self.processes():
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            assert time.monotonic() < deadline, f"these do not end: {found}"
            psutil.wait_procs(found, timeout=1.0)


@dataclass
class Network:
    """A bridge on this machine, with an address for the services, and the machines on it."""

    bridge: str
    prefix: str
    folder: Path
    machines: list[Machine] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address of the services that all machines share."""
        return f"{self.prefix}.1"

    @property
    def range(self) -> str:
        """The network with its mask."""
        return f"{self.prefix}.0/24"

    def add_machine(self) -> Machine:
        """Return a new machine on the network."""
        number = len(self.machines) + 11
        machine = Machine(f"{self.bridge}-{number}", f"{self.prefix}.{number}", self.folder)
        outside, inside = f"{self.bridge}o{number}", f"{self.bridge}i{number}"
        _ip("netns", "add", machine.namespace)
        self.machines.append(machine)
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", machine.namespace)
        _ip("link", "set", outside, "master", self.bridge, "up")
        within = ("-n", machine.namespace)
        _ip(*within, "addr", "add", f"{machine.address}/24", "dev", inside)
        _ip(*within, "link", "set", inside, "up")
        _ip(*within, "link", "set", "lo", "up")
        return machine

    def cut(self, machine: Machine) -> None:
        """Cut a machine off from the network: nothing answers it, and nothing refuses it."""
        _ip("link", "set", self._outside(machine), "down")

    def rejoin(self, machine: Machine) -> None:
        """End the cut."""
        _ip("link", "set", self._outside(machine), "up")

    def _outside(self, machine: Machine) -> str:
        return f"{self.bridge}o{machine.address.rsplit('.', 1)[1]}"


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Yield a network without machines. Its machines and their processes end with it.

    `folder` is where each machine finds its own folder.
    """
    number, process = next(_NUMBERS), os.getpid()
    # A range for tests of networks (RFC 2544): nobody else's addresses.
    prefix = f"198.{18 + number % 2}.{process % 250 + 1}"
    result = Network(f"aw{process % 10000}{'ab'[number % 2]}", prefix, folder)
    folder.mkdir()
    _ip("link", "add", result.bridge, "type", "bridge")
    try:
        _ip("addr", "add", f"{result.address}/24", "dev", result.bridge)
        _ip("link", "set", result.bridge, "up")
        yield result
    finally:
        for machine in result.machines:
            machine.burn()
            _ip("netns", "del", machine.namespace)
        _ip("link", "del", result.bridge)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
