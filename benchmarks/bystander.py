"""A bystander's p99 beside each attack of one client, against its p99 alone.

    python benchmarks/bystander.py                 every attack of load/attacks.py
    python benchmarks/bystander.py big-body        one of them

The bystander asks for one row at a time, on a connection that stays open and, every tenth time, on
a new one. It has the attacker's address: the limits per address meet both. The attacker is a
process of its own on the same machine, so an attack that costs nothing in the server still costs
the bystander a share of the processor.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from load.attacks import ATTACKS
from load.server_processes import free_port, process
from server import built_bundle, record, row_of

HERE = Path(__file__).resolve().parent
ALONE_SECONDS, ATTACK_SECONDS, HEAD_START_SECONDS = 3.0, 8.0, 1.5
PAUSE_SECONDS = 0.004
LARGE_BYTES = 16_000_000
MODEL = "benchmark"


@dataclass
class Waits:
    """The bystander's waits in seconds, and its requests that were not answered with 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def p99(self) -> float:
        """The milliseconds within which 99 of 100 requests were answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1e3


def bystander(port: int, body: bytes, seconds: float) -> Waits:
    """Ask for one row again and again.

    Args:
        port: The server's port on loopback.
        body: The body of a request.
        seconds: For how long.
    """
    waits, until = Waits(), time.monotonic() + seconds
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    number = 0
    while time.monotonic() < until:
        number += 1
        if number % 10 == 0:
            connection.close()
        started = time.perf_counter()
        try:
            connection.request(
                "POST",
                f"/models/{MODEL}/invocations",
                body,
                {"content-type": "application/json"},
            )
            reply = connection.getresponse()
            reply.read()
            waits.failed += reply.status != 200
        except (OSError, http.client.HTTPException):
            waits.failed += 1
            connection.close()
        waits.seconds.append(time.perf_counter() - started)
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return waits


def beside(name: str, port: int, bodies: Path, body: bytes) -> tuple[Waits, str]:
    """Return the bystander's waits beside an attack, and what the attacker was answered."""
    seconds = HEAD_START_SECONDS + ATTACK_SECONDS
    command = [sys.executable, "-m", "load.attacks", name, str(port), MODEL, str(bodies)]
    attacker = subprocess.Popen(
        [*command, str(seconds)], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    try:
        time.sleep(HEAD_START_SECONDS)
        waits = bystander(port, body, ATTACK_SECONDS - 1)
        answers = attacker.communicate(timeout=60)[0].strip()
    finally:
        attacker.kill()
        attacker.wait()
    return waits, answers


def main() -> None:
    """Start the server, attack it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attack", nargs="*", help=f"some of {', '.join(ATTACKS)}")
    names = parser.parse_args().attack or list(ATTACKS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bundle, frame, _ = built_bundle(folder)
        row = row_of(frame)
        _write_bodies(folder, row)
        body = (folder / "row.json").read_bytes()
        lake = record(folder / "lake", bundle, with_canary=False)
        for name in names:
            port = free_port()
            serve = [sys.executable, str(HERE / "server.py"), "--serve-bundle", str(bundle)]
            serve += ["--port", str(port), "--lake", str(lake), "--spool", str(folder / name)]
            health = f"http://127.0.0.1:{port}/health/ready"
            with process(serve, health, folder / f"{name}.log"):
                bystander(port, body, 0.5)
                alone = bystander(port, body, ALONE_SECONDS)
                waits, answers = beside(name, port, folder, body)
            sys.stdout.write(
                f"{name:13} alone p99 {alone.p99:6.1f} ms, beside {waits.p99:8.1f} ms, "
                f"ratio {waits.p99 / alone.p99:7.1f}, {len(waits.seconds)} requests, "
                f"{waits.failed} failed; attacker: {answers}\n"
            )
            sys.stdout.flush()


def _write_bodies(folder: Path, row: dict[str, object]) -> None:
    """Write a body of one row, and one of `LARGE_BYTES` with the most rows that are allowed."""
    split: dict[str, object] = {"columns": list(row), "data": [list(row.values())]}
    (folder / "row.json").write_text(json.dumps({"dataframe_split": split}), encoding="utf-8")
    rows = 20_000
    text = json.dumps({"dataframe_records": [row] * rows})
    padding = max(0, (LARGE_BYTES - len(text)) // rows - 20)
    # Columns that nobody asked for are ignored, and parsed all the same.
    padded = {**row, "padding": list(range(padding // 5))}
    text = json.dumps({"dataframe_records": [padded] * rows})
    (folder / "large.json").write_text(text[: len(text)], encoding="utf-8")


if __name__ == "__main__":
    main()
