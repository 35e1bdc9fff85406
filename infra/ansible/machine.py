"""A machine with systemd for the tests: Debian's packages in a folder, booted by systemd-nspawn.

It has this machine's network. Its only door is an SSH server on loopback, with a key of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
PACKAGES = "systemd,systemd-sysv,dbus,python3,openssh-server,ca-certificates"
# What this machine reaches registries with, if it has it. The machine gets the same, to read.
SHARED = (
    "/etc/pip.conf",
    "/etc/uv/uv.toml",
    "/etc/ssl/certs",
    "/usr/local/share/ca-certificates",
    "/opt/wheels",
    "/opt/pypi",
    "/opt/pypi-more",
)
CACHE = "/var/cache/uv"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Machine:
    """A running machine: its root folder on this one, the port of its SSH server, and the key to it."""

    root: Path
    port: int
    key: Path

    @property
    def ssh_options(self) -> list[str]:
        """The options of ``ssh``."""
        return [
            "-i",
            str(self.key),
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ]

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command as root, and return its output.

        Args:
            command: The command.
            check: Fail when the command does.
        """
        line = ["ssh", *self.ssh_options, "-p", str(self.port), "root@127.0.0.1", command]
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, (
            f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
        return done.stdout.strip()


@contextmanager
def running_machine(folder: Path) -> Iterator[Machine]:
    """Make and boot a machine in a folder; end it and remove it.

    ``AIRWORTHY_TEST_ROOT`` names a folder with the packages of an earlier run, which is copied.
    """
    root, key = folder / "root", folder / "key"
    try:
        _make_root(root)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        machine = Machine(root, free_port(), key)
        _open_door(machine)
        with _booted(machine, folder / "console.log"):
            _wait_until_up(machine)
            yield machine
    finally:
        shutil.rmtree(root, ignore_errors=True)


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make_root(root: Path) -> None:
    kept = os.environ.get("AIRWORTHY_TEST_ROOT")
    if kept and Path(kept).is_dir():
        subprocess.run(["cp", "-a", kept, str(root)], check=True)
        return
    subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            "bookworm",
            str(root),
            MIRROR,
        ],
        check=True,
    )
    if kept:
        subprocess.run(["cp", "-a", str(root), kept], check=True)


def _open_door(machine: Machine) -> None:
    settings = f"Port {machine.port}\nListenAddress 127.0.0.1\nPermitRootLogin prohibit-password\n"
    (machine.root / "etc/ssh/sshd_config.d/test.conf").write_text(settings, encoding="utf-8")
    (machine.root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(machine.key.with_suffix(".pub"), machine.root / "root/.ssh/authorized_keys")
    shutil.copy("/etc/resolv.conf", machine.root / "etc/resolv.conf")


@contextmanager
def _booted(machine: Machine, console: Path) -> Iterator[None]:
    cache = Path.home() / ".cache" / "uv"
    cache.mkdir(parents=True, exist_ok=True)
    binds = [f"--bind-ro={path}" for path in SHARED if Path(path).exists()]
    options = ("quiet", "register=no", "keep-unit", "boot", "console=pipe", "link-journal=no")
    named = ("resolv-conf=off", "machine=airworthy-test", f"directory={machine.root}")
    command = ["systemd-nspawn", *(f"--{option}" for option in (*options, *named))]
    command += [f"--bind={cache}:{CACHE}", *binds]
    with console.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)  # it shuts the machine down in order
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(machine: Machine) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while machine.run("systemctl is-system-running", check=False) not in ("running", "degraded"):
        assert time.monotonic() < deadline, "the machine does not come up"
        time.sleep(0.5)
